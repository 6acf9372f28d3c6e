//! `adit import` as a user runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

const ACCEL_PPP: &str = "\
[modules]
pptp
radius
auth_mschap_v2
ippool
l2tp
[ppp]
mppe=require
min-mtu=1280
lcp-echo-interval=20
lcp-echo-timeout=120
[radius]
server=192.0.2.10,testing123
dae-server=127.0.0.1:3799,testing789
[ip-pool]
gw-ip-address=10.20.0.1
10.20.0.2-255
";

fn adit(arguments: &[&str], directory: &Path) -> Output {
    Command::cargo_bin("adit")
        .expect("the program and files are there")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program and files are there")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("the program and files are there")
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("the program and files are there");
    fs::write(directory.path().join("accel-ppp.conf"), ACCEL_PPP)
        .expect("the program and files are there");
    directory
}

#[test]
fn the_output_is_a_configuration_that_the_server_takes() {
    let directory = directory();
    let path = directory.path();
    let imported = adit(
        &[
            "import",
            "--accel-ppp",
            "accel-ppp.conf",
            "--output",
            "adit.toml",
        ],
        path,
    );
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert_eq!(text(&imported.stdout), "");
    let report = text(&imported.stderr);
    for expected in [
        "Not carried over:\n  accel-ppp.conf:6: [modules] l2tp\n      Adit speaks PPTP only\n",
        "accel-ppp.conf:11: [ppp] lcp-echo-timeout=120\n      a client may be silent for 6 requests",
        "wrote adit.toml; next: adit config check adit.toml",
    ] {
        assert!(report.contains(expected), "{expected} is not in\n{report}");
    }
    let checked = adit(&["config", "check", "adit.toml"], path);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn secrets_are_written_to_private_files_and_never_printed() {
    let directory = directory();
    let path = directory.path();
    for arguments in [
        &[
            "import",
            "--accel-ppp",
            "accel-ppp.conf",
            "--output",
            "adit.toml",
        ][..],
        &["import", "--accel-ppp", "accel-ppp.conf"],
        &["import", "--accel-ppp", "accel-ppp.conf", "--json"],
    ] {
        let imported = adit(arguments, path);
        assert!(imported.status.success());
        let printed = text(&imported.stdout) + &text(&imported.stderr);
        assert!(!printed.contains("testing"), "{printed}");
    }
    let mode = |name: &str| path.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("radius-192.0.2.10.secret"), 0o600);
    assert_eq!(mode("adit.toml"), 0o600);
    let secret = fs::read_to_string(path.join("radius-192.0.2.10.secret")).unwrap();
    assert_eq!(secret, "testing123\n");
    let configuration = fs::read_to_string(path.join("adit.toml")).unwrap();
    let file = path.join("radius-192.0.2.10.secret");
    assert!(configuration.contains(&format!("secret_file = \"{}\"", file.display())));
    assert!(!configuration.contains("testing"));
}

#[test]
fn files_that_are_there_stay_unless_forced() {
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("adit.toml"), "# mine\n").unwrap();
    let arguments = [
        "import",
        "--accel-ppp",
        "accel-ppp.conf",
        "--output",
        "adit.toml",
    ];
    let refused = adit(&arguments, path);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("adit.toml is there already"));
    assert_eq!(
        fs::read_to_string(path.join("adit.toml")).unwrap(),
        "# mine\n"
    );
    assert!(!path.join("radius-192.0.2.10.secret").exists());
    let forced = adit(&[&arguments[..], &["--force"]].concat(), path);
    assert!(forced.status.success(), "{}", text(&forced.stderr));
    assert!(
        fs::read_to_string(path.join("adit.toml"))
            .unwrap()
            .contains("10.20.0.0/24")
    );
}

#[test]
fn machines_get_an_account_of_every_line() {
    let directory = directory();
    let imported = adit(
        &["import", "--accel-ppp", "accel-ppp.conf", "--json"],
        directory.path(),
    );
    assert_eq!(text(&imported.stderr), "");
    let report: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert!(
        report["configuration"]
            .as_str()
            .unwrap()
            .contains("[[radius.servers]]")
    );
    let lines = report["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 13);
    let line = |text: &str| lines.iter().find(|line| line["text"] == text).unwrap();
    let lost = line("[ppp] min-mtu=1280");
    assert_eq!(
        (&lost["outcome"], &lost["line"]),
        (&"not-carried".into(), &9.into())
    );
    assert!(lost["reason"].is_string());
    let carried = line("[ppp] mppe=require");
    assert_eq!(carried["keys"], serde_json::json!(["encryption.policy"]));
    assert_eq!(
        report["secret_files"][0]["path"],
        "/etc/adit/radius-192.0.2.10.secret"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let directory = directory();
    let path = directory.path();
    for (arguments, code, expected) in [
        (
            &["import", "--accel-ppp", "gone.conf"][..],
            1,
            "cannot read gone.conf: there is no such file",
        ),
        (
            &["import", "--accel-ppp", "."],
            1,
            "cannot read .: it is no text file",
        ),
        (
            &["import", "--accel-ppp", "/dev/zero"],
            1,
            "it is no text file",
        ),
        (&["import"], 2, "required"),
        (
            &["import", "--accel-ppp", "--pptpd"],
            2,
            "cannot be used with",
        ),
    ] {
        let failed = adit(arguments, path);
        assert_eq!(failed.status.code(), Some(code), "{arguments:?}");
        let error = text(&failed.stderr);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

/// The operator's guide.
fn guide() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operators.md");
    fs::read_to_string(path).expect("the guide is there")
}

#[test]
fn the_guide_has_the_table_that_the_import_works_by() {
    let directory = directory();
    let printed = adit(&["import", "--options"], directory.path());
    let guide = guide();
    let (_, rest) = guide.split_once("<!-- options: begin -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- options: end -->").unwrap();
    assert!(
        table == text(&printed.stdout),
        "docs/operators.md is not what `adit import --options` prints"
    );
}

#[test]
fn the_server_takes_every_configuration_of_the_guide() {
    let guide = guide();
    let blocks: Vec<&str> = guide
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 6, "{}", blocks.len());
    for block in blocks {
        if let Err(error) = adit_server::config::Config::parse(block, "guide") {
            panic!("{error}\n{block}");
        }
    }
}
