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
        include_str!("../examples/containers/aws.Dockerfile"),
        include_str!("../examples/containers/compose.yaml"),
        include_str!("../examples/containers/shop-worker.service"),
        include_str!("../examples/containers/task-definition.json"),
    ] {
        assert!(page.contains(file), "docs/containers.md does not show this file:\n{file}");
    }
}

#[test]
fn the_page_of_recipes_shows_the_files_as_they_are() {
    let page = include_str!("../docs/recipes.md");
    for file in [
        include_str!("../examples/deploy/sam/template.yaml"),
        include_str!("../examples/deploy/cdk/app.js"),
        include_str!("../examples/deploy/terraform/main.tf"),
    ] {
        assert!(page.contains(file), "docs/recipes.md does not show this file:\n{file}");
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

/// Where the texts are that a user can meet: errors, log lines, what commands print.
const TEXTS: &[&str] = &[
    "backends/aws/src",
    "backends/embedded/src",
    "backends/lambda/src",
    "dispatcher/src",
    "src",
    "task-core/src",
    "worker/src",
];

/// Texts that are not written in this repository.
const FOREIGN: &[&str] = &["io error: client error (Connect): .."];

#[test]
fn what_a_page_quotes_is_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut texts, mut log_calls) = (String::new(), Vec::new());
    for folder in TEXTS {
        each_file(&root.join(folder), &mut |_, source| {
            let calls = source.split("tracing::").skip(1).filter_map(|call| Some(plain(call.split_once(");")?.0)));
            log_calls.extend(calls.filter(|call| call.split_once("!(").is_some_and(|(name, _)| name.len() < 6)));
            for literal in literals(source) {
                // A line of a literal is a text of its own.
                for constant in constants(&plain(&literal.replace("\\n", "{}"))) {
                    texts.push_str(constant);
                    texts.push('\n');
                }
            }
        });
    }
    let (mut seen, mut stale) = (0, Vec::new());
    for entry in fs::read_dir(root.join("docs")).expect("the pages are there") {
        let path = entry.expect("its entries can be read").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).expect("pages are text");
        // On other pages a long span of code is an example of a user's.
        let explains = ["operations.md", "troubleshooting.md"].iter().any(|page| path.ends_with(page));
        for (line, quotation) in quotations(&page, explains) {
            seen += 1;
            let runs = runs(quotation);
            let lacks = |run: &&String| !FOREIGN.contains(&quotation) && !has(&texts, run);
            stale.extend(runs.iter().filter(lacks).map(|run| format!("{}:{line}: {run}", path.display())));
            // A log line has its fields too.
            let fields: Vec<_> = quotation.split(' ').filter_map(|word| Some(word.split_once('=')?.0)).collect();
            let logs = |call: &String| {
                let has = |name: &&str| {
                    call.split(|sign: char| !sign.is_alphanumeric() && sign != '_').any(|word| word == *name)
                };
                runs.iter().all(|run| call.contains(run.trim_matches(MARKS))) && fields.iter().all(has)
            };
            if fields.iter().any(|name| !name.is_empty()) && !log_calls.iter().any(logs) {
                stale.push(format!("{}:{line}: {quotation}", path.display()));
            }
        }
    }
    assert!(stale.is_empty(), "these pages quote texts that no source has:\n{}", stale.join("\n"));
    assert!(seen > 200, "only {seen} quotations found");
}

/// The texts that a page quotes, with their lines: inline code in a table's column `text`, log lines, errors, warnings
/// and questions in blocks, and, on a page that explains texts, inline code of many words outside of tables.
fn quotations(page: &str, explains: bool) -> Vec<(usize, &str)> {
    let (mut found, mut in_block, mut in_texts, mut in_table) = (Vec::new(), false, false, false);
    for (line, text) in (1..).zip(page.lines()) {
        if text.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let log_line = text.split_once(" celeriac::").and_then(|(_, rest)| Some(rest.split_once(": ")?.1));
            let is_said = text.starts_with("error: ") || text.starts_with("warning: ") || text.contains("? [y/N]");
            found.extend(log_line.or(is_said.then_some(text)).map(|text| (line, text)));
        } else {
            let begins = text.starts_with('|') && !in_table;
            in_table = text.starts_with('|');
            in_texts = in_table && (in_texts || begins && text.starts_with("| text |"));
            let quoted = match text.split_once(" | ") {
                Some((first, _)) if in_texts => spans(first),
                None if explains && !in_table => {
                    spans(text).into_iter().filter(|span| span.split(' ').count() > 4).collect()
                }
                _ => Vec::new(),
            };
            found.extend(quoted.into_iter().map(|span| (line, span)));
        }
    }
    found
}

/// The inline code of a line.
fn spans(line: &str) -> Vec<&str> {
    let (mut spans, mut rest) = (Vec::new(), line);
    while let Some(start) = rest.find('`') {
        let code = rest[start..].trim_start_matches('`');
        let ticks = &rest[start..rest.len() - code.len()];
        let Some((span, after)) = code.split_once(ticks) else { break };
        spans.push(span.trim());
        rest = after;
    }
    spans
}

/// The runs of words of a quotation that are the same each time. Between them stand names, numbers and `..`.
fn runs(quotation: &str) -> Vec<String> {
    let mut runs = vec![Vec::new()];
    for (place, part) in quotation.split('`').enumerate() {
        if place % 2 == 1 {
            runs.push(Vec::new());
            continue;
        }
        for word in part.split_whitespace() {
            if varies(word) {
                runs.push(Vec::new());
            } else if let Some(run) = runs.last_mut() {
                run.push(word);
            }
        }
    }
    runs.into_iter().map(|run| run.join(" ")).collect()
}

/// Whether a word of a quotation stands for another.
fn varies(word: &str) -> bool {
    let core = word.trim_matches(MARKS);
    core.chars().count() < 2
        || core.starts_with(|sign: char| sign.is_ascii_digit())
        || core.chars().skip(1).any(char::is_uppercase)
        || word.contains("..")
        || word.contains(['/', '=', '<', '>', '[', ']', '{', '}', '"', '@'])
}

const MARKS: &[char] = &[':', ';', ',', '.', '(', ')', '?', '!', ' '];

/// Whether the texts have a run of words, or each of its sentences.
fn has(texts: &str, run: &str) -> bool {
    let run = run.trim_matches(MARKS);
    let sentences = run.replace("; ", ": ").replace("? ", ": ");
    texts.contains(run) || sentences.split(": ").all(|sentence| texts.contains(sentence.trim_matches(MARKS)))
}

/// The string literals of a source.
fn literals(source: &str) -> Vec<&str> {
    let (mut literals, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let after = &rest[at + 1..];
        rest = match rest.as_bytes()[at] {
            b'/' if after.starts_with('/') => after.find('\n').map_or("", |end| &after[end..]),
            b'\'' => after.strip_prefix("\"'").unwrap_or(after),
            b'"' => {
                let Some((literal, after)) = quoted(after) else { break };
                literals.push(literal);
                after
            }
            _ => after,
        };
    }
    literals
}

/// The text up to the closing quotation mark, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|sign| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
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
    source.split("#[error(").skip(1).filter_map(|rest| Some(plain(quoted(rest.trim_start().strip_prefix('"')?)?.0)))
}

/// One line without marks and escapes, so that a page may wrap and quote.
fn plain(text: &str) -> String {
    let text = text.replace("\\\n", " ").replace(['`', '\\'], "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first words of each part of an error between its values.
fn pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = constants(text).map(|piece| piece.trim_matches(MARKS));
    words.filter(|piece| piece.len() > 8).map(|piece| piece.split(' ').take(4).collect::<Vec<_>>().join(" "))
}

/// The parts of a text that stand between its values.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').enumerate().map(|(part, piece)| match piece.split_once('}') {
        Some((_, after)) if part > 0 => after,
        _ => piece,
    })
}
