use crate::config::Config;

fn refused(text: &str) -> String {
    Config::parse(text, "adit.toml")
        .expect_err("the text is wrong")
        .to_string()
}

fn pool(name: &str, rest: &str) -> String {
    format!("[[pools]]\nname = \"{name}\"\n{rest}\n")
}

#[test]
fn pools_reach_their_fields() {
    let text = pool(
        "office",
        "ranges = [\"10.1.0.0/24\", \"10.2.0.10 - 10.2.0.99\", \"10.3.0.1\"]\n\
         exclude = [\"10.1.0.5\", \"10.1.0.128/25\"]\nsticky = false\nnext = \"default\"",
    ) + "[[ipv6_pools]]\nname = \"six\"\nprefix = \"2001:db8::/48\"\n";
    let config = Config::parse(&text, "x").unwrap();
    let [office] = config.pools.as_slice() else {
        panic!("{:?}", config.pools);
    };
    let texts: Vec<String> = office.ranges.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["10.1.0.0/24", "10.2.0.10-10.2.0.99", "10.3.0.1"]);
    assert_eq!(office.exclude.len(), 2);
    assert_eq!(
        (office.sticky, office.next.as_deref()),
        (false, Some("default"))
    );
    // 254 less one and the half that is excluded with the broadcast address, 90, and 1.
    assert_eq!(office.leased().count(), 254 - 1 - 127 + 90 + 1);
    assert_eq!(config.ipv6_pools[0].name, "six");
    assert_eq!(config.ipv6_pools[0].prefix.to_string(), "2001:db8::/48");
    assert!(
        Config::parse(&pool("a", "ranges = [\"10.1.0.0/24\"]"), "x")
            .unwrap()
            .pools[0]
            .sticky
    );
}

#[test]
fn all_networks_are_known_for_routes() {
    let text = "[network]\nipv6_prefix = \"2001:db8:1::/56\"\n".to_owned()
        + &pool(
            "a",
            "ranges = [\"10.1.0.0/24\"]\nexclude = [\"10.1.0.0/26\"]",
        )
        + &pool("b", "ranges = [\"10.1.1.0/24\", \"10.1.2.0-10.1.2.1\"]")
        + "[[ipv6_pools]]\nname = \"six\"\nprefix = \"2001:db8:2::/48\"\n";
    let config = Config::parse(&text, "x").unwrap();
    let networks: Vec<String> = config
        .client_networks()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        networks,
        [
            "10.77.0.0/24",
            "10.1.0.64/26",
            "10.1.0.128/25",
            "10.1.1.0/24",
            "10.1.2.0/31",
            "2001:db8:1::/56",
            "2001:db8:2::/48"
        ]
    );
}

#[test]
fn mistakes_name_what_is_wrong_and_where() {
    let office = pool("office", "ranges = [\"10.1.0.0/24\"]");
    let six = |name: &str, prefix: &str| {
        format!("[[ipv6_pools]]\nname = \"{name}\"\nprefix = \"{prefix}\"\n")
    };
    let cases = [
        (pool("office", ""), "1:1: missing field `ranges`"),
        (
            pool("office", "ranges = []"),
            "3:10: pools[0].ranges: the pool \"office\" has no address to lease",
        ),
        (
            pool("office", "range = []"),
            "3:1: unknown key `range`; did you mean `ranges`?",
        ),
        (
            pool("", "ranges = [\"10.1.0.0/24\"]"),
            "2:8: pools[0].name: \"\" is no name of a pool",
        ),
        (
            pool("my pool", "ranges = [\"10.1.0.0/24\"]"),
            "\"my pool\" is no name of a pool",
        ),
        (
            pool("default", "ranges = [\"10.1.0.0/24\"]"),
            "\"default\" is the name of the pool in the section [network]",
        ),
        (
            office.clone() + &pool("office", "ranges = [\"10.2.0.0/24\"]"),
            "5:8: pools[1].name: two pools have the name \"office\": number 1 and number 2 of [[pools]]",
        ),
        (
            pool("a", "ranges = [\"10.1.0.0\", \"10.1.0.x\"]"),
            "`10.1.0.x` is no range of IPv4 addresses",
        ),
        (
            pool("a", "ranges = [\"10.1.0.9-10.1.0.1\"]"),
            "10.1.0.9-10.1.0.1 begins behind its end",
        ),
        (
            pool("a", "ranges = [\"10.1.0.9/24\"]"),
            "did you mean 10.1.0.0/24?",
        ),
        (
            pool("a", "ranges = [\"224.0.0.0/24\"]"),
            "224.0.0.0/24 is not for hosts",
        ),
        (
            pool("a", "ranges = [\"126.0.0.0-128.0.0.0\"]"),
            "126.0.0.0-128.0.0.0 is not for hosts",
        ),
        (pool("a", "ranges = [\"0.0.0.0/0\"]"), "is not for hosts"),
        (
            pool("a", "ranges = [\"10.0.0.0-11.0.0.0\"]"),
            "at most 16777216 addresses (/8)",
        ),
        (
            pool(
                "a",
                "ranges = [\"10.1.0.0/24\"]\nexclude = [\"10.2.0.0/24\"]",
            ),
            "4:11: pools[0].exclude: 10.2.0.0/24 is in none of the ranges of the pool \"a\"",
        ),
        (
            pool(
                "a",
                "ranges = [\"10.1.0.0/30\"]\nexclude = [\"10.1.0.1\", \"10.1.0.2\"]",
            ),
            "the pool \"a\" has no address to lease",
        ),
        (
            pool("a", "ranges = [\"10.1.0.0/24\"]\nnext = \"ofice\""),
            "4:8: pools[0].next: there is no pool \"ofice\" to follow \"a\"",
        ),
        (
            pool("a", "ranges = [\"10.1.0.0/24\"]\nnext = \"a\""),
            "pools follow each other in a circle: \"a\" to \"a\"",
        ),
        (
            pool("lead", "ranges = [\"10.3.0.0/24\"]\nnext = \"a\"")
                + &pool("a", "ranges = [\"10.1.0.0/24\"]\nnext = \"b\"")
                + &pool("b", "ranges = [\"10.2.0.0/24\"]\nnext = \"a\""),
            "8:8: pools[1].next: pools follow each other in a circle: \"a\" to \"b\" to \"a\"",
        ),
        (
            office.clone()
                + &pool(
                    "guests",
                    "ranges = [\"10.9.0.0/24\", \"10.1.0.128-10.1.0.200\"]",
                ),
            "6:10: pools[1].ranges: 10.1.0.0/24 of the pool \"office\" overlaps 10.1.0.128-10.1.0.200 of the \
             pool \"guests\"; an address can be in one place only",
        ),
        (
            pool("a", "ranges = [\"10.77.0.0/16\"]"),
            "3:10: pools[0].ranges: 10.77.0.0/24 of network.pool overlaps 10.77.0.0/16 of the pool \"a\"",
        ),
        (
            "listen = [\"10.1.0.9:1723\"]\n".to_owned() + &office,
            "4:10: pools[0].ranges: the pool \"office\" holds 10.1.0.9, where the server listens",
        ),
        (
            six("a", "2001:db8::/80"),
            "3:10: ipv6_pools[0].prefix: 2001:db8::/80 cannot be shared out as /64s",
        ),
        (six("a", "2001:db8::1/64"), "did you mean 2001:db8::/64?"),
        (six("a", "fe80::/64"), "is not for hosts"),
        (
            six("default", "2001:db8::/64"),
            "ipv6_pools[0].name: \"default\" is the name",
        ),
        (
            six("a", "2001:db8::/48") + &six("b", "2001:db8:0:1::/64"),
            "6:10: ipv6_pools[1].prefix: 2001:db8:0:1::/64 of the pool \"b\" overlaps 2001:db8::/48 of the pool \"a\"",
        ),
        (
            "[network]\nipv6_prefix = \"2001:db8::/56\"\n".to_owned() + &six("a", "2001:db8::/48"),
            "5:10: ipv6_pools[0].prefix: 2001:db8::/48 of the pool \"a\" overlaps 2001:db8::/56 of \
             network.ipv6_prefix",
        ),
        (
            office.clone() + "[policy]\npool = \"ofice\"\n",
            "5:8: policy.pool: there is no pool \"ofice\"",
        ),
        (
            "[policy]\nipv6_pool = \"default\"\n".to_owned(),
            "2:13: policy.ipv6_pool: there is no pool \"default\"",
        ),
        (
            "[network]\nipv6 = false\n".to_owned() + &six("a", "2001:db8::/48"),
            "ipv6_pools[0].prefix: it is given, but network.ipv6 = false",
        ),
    ];
    for (text, expected) in cases {
        let message = refused(&text);
        assert!(message.contains(expected), "{text}gave {message}");
    }
}

#[test]
fn an_address_where_the_server_listens_may_be_excluded() {
    let text = "listen = [\"10.1.0.9:1723\"]\n".to_owned()
        + &pool(
            "office",
            "ranges = [\"10.1.0.0/24\"]\nexclude = [\"10.1.0.9\"]",
        );
    Config::parse(&text, "x").unwrap();
}
