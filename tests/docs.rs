//! Checks that the book's pages cover the code.

use std::{fs, path::Path};

/// The names of the public methods of a source file that take `self`.
fn methods(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let line = line.trim_start().strip_prefix("pub ")?;
        let line = line.strip_prefix("const ").unwrap_or(line).strip_prefix("fn ")?;
        let (name, parameters) = line.split_once('(')?;
        (parameters.starts_with("self") || parameters.starts_with("mut self"))
            .then_some(name.split_once('<').map_or(name, |(name, _)| name))
    })
}

#[test]
fn every_option_is_on_the_page_of_options() {
    let page = include_str!("../docs/options.md");
    let sources = [
        ("of a task", include_str!("../task-core/src/task/options.rs"), 13),
        ("of a call", include_str!("../task-core/src/client/call.rs"), 6),
        ("of a batch", include_str!("../task-core/src/client/fan_out.rs"), 6),
        ("of a program", include_str!("../src/app.rs"), 5),
    ];
    for (whose, source, at_least) in sources {
        let names: Vec<_> = methods(source).collect();
        assert!(names.len() >= at_least, "{whose}: only {names:?} found");
        for name in names
            .into_iter()
            .filter(|name| !["send", "blocking_send", "plain", "planned_concurrency", "ports"].contains(name))
        {
            let row = |row: &str| {
                row.starts_with(&format!("| `{name}")) && !row[3 + name.len()..].starts_with(char::is_alphanumeric)
            };
            assert!(page.lines().any(row), "docs/options.md has no row for `{name}`, an option {whose}");
        }
    }
}

#[test]
fn every_setting_of_a_stack_is_on_its_page() {
    let (page, source) = (include_str!("../docs/deploy.md"), include_str!("../src/deploy/settings.rs"));
    let fields =
        source.lines().filter_map(|line| Some(line.trim_start().strip_prefix("pub(super) ")?.split_once(": ")?.0));
    let fields: Vec<&str> = fields.collect();
    assert!(fields.len() >= 30, "only {fields:?} found");
    for name in fields {
        let words =
            |line: &str| line.split(|sign: char| !(sign.is_alphanumeric() || sign == '_')).any(|word| word == name);
        assert!(page.lines().any(words), "docs/deploy.md does not have the setting `{name}`");
    }
}

#[test]
fn the_page_of_containers_shows_the_files_as_they_are() {
    let page = include_str!("../docs/containers.md");
    for file in [
        include_str!("../examples/containers/Dockerfile"),
        include_str!("../examples/containers/compose.yaml"),
        include_str!("../examples/containers/shop-worker.service"),
    ] {
        assert!(page.contains(file), "docs/containers.md does not show this file:\n{file}");
    }
}

#[test]
fn the_tests_that_a_page_shows_are_run() {
    let run: Vec<&str> = include_str!("testing.rs").lines().map(str::trim).collect();
    let mut seen = 0;
    for shown in include_str!("../docs/testing.md").split("#[tokio::test]\n").skip(1) {
        let shown: Vec<&str> = shown.lines().take_while(|line| *line != "# fn main() {}").map(str::trim).collect();
        seen += 1;
        // A test may have a line that the page lacks, for the other tests of its program.
        let mut rest = run.iter();
        for line in shown.iter().filter(|line| !line.is_empty()) {
            assert!(rest.any(|run| run == line), "tests/testing.rs does not have this line of docs/testing.md: {line}");
        }
    }
    assert_eq!(seen, 3);
}

/// The sources of errors that a user can meet.
const ERRORS: &[&str] = &[
    "backends/aws/src",
    "backends/embedded/src",
    "backends/lambda/src",
    "src",
    "task-core/src/client",
    "task-core/src/schedule",
    "task-core/src/store",
    "task-core/src/task",
    "task-core/src/wire",
    "worker/src",
];

/// Errors of examples in rustdoc, and one that is never a log line by itself.
const NOT_MET: &[&str] = &["no such address", "the server is busy", "this process ends so that"];

#[test]
fn every_error_has_its_cure_on_a_page() {
    let page = plain(include_str!("../docs/troubleshooting.md"));
    let (mut seen, mut absent) = (0, Vec::new());
    for folder in ERRORS {
        each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut |path, source| {
            for text in errors(source) {
                let mut starts = pieces(&text).peekable();
                if starts.peek().is_none() || NOT_MET.iter().any(|start| text.starts_with(start)) {
                    continue;
                }
                seen += 1;
                if !starts.any(|start| page.contains(&start)) {
                    absent.push(format!("{}: {text}", path.display()));
                }
            }
        });
    }
    assert!(absent.is_empty(), "docs/troubleshooting.md does not have these errors:\n{}", absent.join("\n"));
    assert!(seen > 60, "only {seen} errors found");
}

fn each_file(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("the folder of a crate is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            each_file(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &fs::read_to_string(&path).expect("sources are text"));
        }
    }
}

/// The texts of the errors of a source file, as they are written in `#[error("..")]`.
fn errors(source: &str) -> impl Iterator<Item = String> + '_ {
    source.split("#[error(").skip(1).filter_map(|rest| {
        let text = rest.trim_start().strip_prefix('"')?;
        let mut escaped = false;
        let end = text.find(|sign| {
            let ends = sign == '"' && !escaped;
            escaped = sign == '\\' && !escaped;
            ends
        })?;
        Some(plain(&text[..end]))
    })
}

/// One line without marks and escapes, so that a page may wrap and quote.
fn plain(text: &str) -> String {
    let text = text.replace("\\\n", " ").replace(['`', '\\'], "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first words of each part of an error between its values.
fn pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    let constant = text.split('{').enumerate().map(|(part, piece)| match piece.split_once('}') {
        Some((_, after)) if part > 0 => after,
        _ => piece,
    });
    let words = constant.map(|piece| piece.trim_matches(|sign: char| sign.is_whitespace() || ":,;.()".contains(sign)));
    words.filter(|piece| piece.len() > 8).map(|piece| piece.split(' ').take(4).collect::<Vec<_>>().join(" "))
}
