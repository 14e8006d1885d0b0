//! The pages of the book keep up with the code.

/// The names of the public methods that a source file has behind `self`.
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
        for name in names.into_iter().filter(|name| !["send", "blocking_send", "ports"].contains(name)) {
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
fn what_the_page_of_containers_shows_is_what_the_files_have() {
    let page = include_str!("../docs/containers.md");
    for file in [
        include_str!("../examples/containers/Dockerfile"),
        include_str!("../examples/containers/compose.yaml"),
        include_str!("../examples/containers/shop-worker.service"),
    ] {
        assert!(page.contains(file), "docs/containers.md does not show this file:\n{file}");
    }
}
