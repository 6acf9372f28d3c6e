//! `adit config`, and `adit serve` with a configuration it refuses.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

fn adit(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(words).output().expect("the program runs")
}

fn check(directory: &Path, text: &str) -> (Option<i32>, String) {
    let file = directory.join("adit.toml");
    std::fs::write(&file, text).expect("a file is written");
    let path = file.display().to_string();
    let output = adit(&["config", "check", &path]);
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8(told).expect("text");
    // What is missing on the host depends on the host.
    let lines = told.split_inclusive('\n');
    let told: String = lines.filter(|line| !line.starts_with("note: ")).collect();
    (output.status.code(), told.replace(&path, "FILE"))
}

#[test]
fn the_printed_default_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let output = adit(&["config", "default"]);
    assert!(output.status.success());
    let database = directory.path().join("users.db");
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace("/var/lib/adit/users.db", &database.display().to_string());
    let (code, told) = check(directory.path(), &text);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("warning: there is no user database at"),
        "{told}"
    );
    assert!(told.ends_with("FILE can be used, 1 warning\n"), "{told}");
}

#[test]
fn a_sound_configuration_has_no_warnings() {
    let directory = tempfile::tempdir().unwrap();
    let secrets = directory.path().join("secrets");
    std::fs::write(&secrets, "alice * s3cret *\n").unwrap();
    let text = format!("[users]\nsecrets = \"{}\"", secrets.display());
    restrict(&secrets);
    assert_eq!(
        check(directory.path(), &text),
        (Some(0), "FILE can be used, no warnings\n".to_owned())
    );
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("a mode is set");
}

#[test]
fn mistakes_name_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        (
            "[network]\npol = \"10.0.0.0/24\"\n",
            "adit: FILE:2:1: unknown key `pol`; did you mean `pool`?\n",
        ),
        (
            "\n[ppp]\nmax_failure = 0\n",
            "adit: FILE:3:15: ppp.max_failure: 0 is out of range; use 1 to 255\n",
        ),
        (
            "[encryption]\npolicy = \"requierd\"\n",
            "adit: FILE:2:10: unknown value `requierd`; did you mean `required`?\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            check(directory.path(), text),
            (Some(1), expected.to_owned())
        );
    }
}

#[test]
fn pools_that_cannot_be_are_told_with_both_names() {
    let directory = tempfile::tempdir().unwrap();
    let office = "[[pools]]\nname = \"office\"\nranges = [\"10.1.0.0/24\"]\n";
    let cases = [
        (
            "[[pools]]\nname = \"guests\"\nranges = [\"10.1.0.128-10.1.0.200\"]\n",
            "adit: FILE:6:10: pools[1].ranges: 10.1.0.0/24 of the pool \"office\" overlaps \
             10.1.0.128-10.1.0.200 of the pool \"guests\"; an address can be in one place only\n",
        ),
        (
            "[network]\npool = \"10.1.0.0/16\"\n",
            "adit: FILE:3:10: pools[0].ranges: 10.1.0.0/16 of network.pool overlaps 10.1.0.0/24 of the \
             pool \"office\"; an address can be in one place only\n",
        ),
        (
            "[[pools]]\nname = \"office\"\nranges = [\"10.2.0.0/24\"]\n",
            "adit: FILE:5:8: pools[1].name: two pools have the name \"office\": number 1 and number 2 of \
             [[pools]]\n",
        ),
        (
            "[[pools]]\nname = \"guests\"\nranges = [\"10.2.0.0/24\"]\nnext = \"ofice\"\n",
            "adit: FILE:7:8: pools[1].next: there is no pool \"ofice\" to follow \"guests\"\n",
        ),
    ];
    for (rest, expected) in cases {
        let told = check(directory.path(), &format!("{office}{rest}"));
        assert_eq!(told, (Some(1), expected.to_owned()));
    }
}

#[test]
fn users_of_pools_that_there_are_not_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("users.db").display().to_string();
    for words in [
        "user add alice --generate --pool office --ipv6-pool office6",
        "user add bob --generate --pool ofice",
        "user add carol --generate --pool ofice",
        "group add staff --ipv6-pool ofice6",
    ] {
        let mut words: Vec<&str> = words.split(' ').collect();
        words.extend(["--database", &database]);
        let output = adit(&words);
        assert!(output.status.success(), "{output:?}");
    }
    let text = format!(
        "[users]\ndatabase = {database:?}\n[[pools]]\nname = \"office\"\nranges = [\"10.1.0.0/24\"]\n\
         [[ipv6_pools]]\nname = \"office6\"\nprefix = \"2001:db8::/48\"\n"
    );
    let (code, told) = check(directory.path(), &text);
    assert_eq!(code, Some(0), "{told}");
    for expected in [
        "warning: there is no pool \"ofice\", so the user bob and 1 more cannot log in;",
        "warning: there is no IPv6 pool \"ofice6\", so the group staff gets no prefixes;",
        "can be used, 2 warnings\n",
    ] {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn weak_choices_are_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[authentication]\nmethods = [\"mschap-v2\", \"pap\"]\n[encryption]\npolicy = \"optional\"\n";
    let (code, told) = check(directory.path(), text);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("warning: authentication.methods has \"pap\""),
        "{told}"
    );
    assert!(
        told.contains("warning: encryption.policy is \"optional\""),
        "{told}"
    );
}

#[test]
fn mistakes_in_the_secrets_file_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let secrets = directory.path().join("secrets");
    std::fs::write(&secrets, "alice * hunter2 *\nbob * \"hunter2\n").unwrap();
    restrict(&secrets);
    let text = format!("[users]\nsecrets = \"{}\"", secrets.display());
    let (code, told) = check(directory.path(), &text);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("secrets:2:7: the quote that begins here does not end"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_missing_file_is_named() {
    for words in [
        ["config", "check", "/nonexistent/adit.toml"],
        ["serve", "--config", "/nonexistent/adit.toml"],
    ] {
        let output = adit(&words);
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.starts_with("adit: cannot read the configuration /nonexistent/adit.toml: "),
            "{message}"
        );
    }
}

#[test]
fn serve_checks_what_the_command_line_changes() {
    let output = adit(&["serve", "--pool", "10.77.0.0/31"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("network.pool: 10.77.0.0/31 has the wrong size"),
        "{message}"
    );
}

#[test]
fn the_documentation_shows_the_default_configuration() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let output = adit(&["config", "default"]);
    let default = String::from_utf8(output.stdout).expect("text");
    assert!(page.contains(&format!("```toml\n{default}```")));
}
