//! `adit manual` and `adit completions`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

fn adit(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(words).output().expect("the program runs")
}

fn names(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory)
        .expect("a directory of pages")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn each_subcommand_and_the_configuration_have_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let output = adit(&["manual", directory.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        names(&directory.path().join("man5")),
        ["adit.toml.5".to_owned()].into()
    );
    let pages = directory.path().join("man1");
    let found = names(&pages);
    let help = String::from_utf8(adit(&["--help"]).stdout).unwrap();
    let list = help.split_once("Commands:\n").unwrap().1;
    let subcommands: Vec<&str> = list
        .lines()
        .map_while(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(subcommands.len() > 8, "{help}");
    for name in subcommands {
        let page = format!("adit-{name}.1");
        assert!(found.contains(&page), "{page} is not in {found:?}");
        let text = std::fs::read_to_string(pages.join(&page)).unwrap();
        let text = text.replace("\\-", "-");
        assert!(text.contains(&format!("adit {name}")), "{page}: {text}");
    }
    assert!(found.contains("adit.1") && found.contains("adit-user-add.1"));
    assert!(!found.contains("adit-manual.1"), "{found:?}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let output = adit(&["manual", "/proc/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("adit: cannot make the directory /proc/nowhere/man1: "),
        "{message}"
    );
}

#[test]
fn bash_completes_with_the_printed_script() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("adit");
    let output = adit(&["completions", "bash"]);
    std::fs::write(&script, output.stdout).unwrap();
    let completed = |words: &str, index: usize, last: &str| {
        let command = format!(
            "source {} && COMP_WORDS=({words}) COMP_CWORD={index} && _adit adit '{last}' adit; echo ${{COMPREPLY[@]}}",
            script.display()
        );
        let output = Command::new("bash")
            .args(["-c", &command])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(completed("adit ser", 1, "ser"), "serve\n");
    assert_eq!(
        completed("adit serve --first", 2, "--first"),
        "--first-user\n"
    );
}

#[test]
fn other_shells_have_scripts_too() {
    for (shell, expected) in [("zsh", "#compdef adit"), ("fish", "complete -c adit")] {
        let output = adit(&["completions", shell]);
        assert!(output.status.success(), "{output:?}");
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains(expected), "{script}");
        assert!(script.contains("first-user"), "{script}");
    }
    assert_eq!(adit(&["completions", "cmd"]).status.code(), Some(2));
}
