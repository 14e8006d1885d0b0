//! Tests `deploy package`: the zip that Lambda runs. The program of a test is a Linux program for this machine.

use std::{env::consts::ARCH, fs, io::Read as _};

use zip::ZipArchive;

use crate::site::{Answer, SHOP, Site};

/// As Lambda names this machine, and another one.
fn architectures() -> (&'static str, &'static str) {
    if ARCH == "aarch64" { ("arm64", "x86_64") } else { ("x86_64", "arm64") }
}

fn package(site: &Site, architecture: &str, more: &[&str]) -> Answer {
    fs::write(site.path("stack.toml"), format!("architecture = \"{architecture}\"")).unwrap();
    site.shop(&[&["deploy", "package", "--settings", "stack.toml"], more].concat())
}

#[test]
fn the_program_is_packed_as_bootstrap() {
    let site = Site::new();
    let (here, _) = architectures();
    let answer = package(&site, here, &["--json"]).ok();
    let zip = fs::read(site.path("function.zip")).unwrap();
    assert_eq!(answer.json()["bytes"], zip.len());
    assert_eq!(answer.json()["architecture"], here);
    let mut archive = ZipArchive::new(std::io::Cursor::new(&zip)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut file = archive.by_name("bootstrap").unwrap();
    assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    let mut program = Vec::new();
    file.read_to_end(&mut program).unwrap();
    assert!(program == fs::read(SHOP).unwrap(), "it is not the program that packed itself");
    assert!(zip.len() < program.len() / 2, "it is not compressed");
    // Tests are built with it.
    assert!(answer.err.contains("holds debug info, which Lambda has no use for"), "{}", answer.err);

    package(&site, here, &["--out", "again.zip", "--binary", SHOP]).ok();
    assert!(zip == fs::read(site.path("again.zip")).unwrap(), "the same program makes another zip");
}

#[test]
fn a_program_for_another_machine_is_refused() {
    let site = Site::new();
    let (here, other) = architectures();
    package(&site, other, &["--binary", SHOP]).fails(
        2,
        &format!(
            "error: the program `{SHOP}` cannot be a function: built for {here}, but the functions run on {other}: build \
             it for that, or set `architecture` in the settings"
        ),
    );
    assert!(!site.path("function.zip").exists());
}

#[test]
fn a_file_that_is_no_program_is_refused() {
    let site = Site::new();
    for (content, what) in [(&b"#!/bin/sh\n"[..], "script"), (b"\x7fELF", "stub"), (b"", "nothing")] {
        fs::write(site.path(what), content).unwrap();
        package(&site, "arm64", &["--binary", what]).fails(
            2,
            &format!(
                "error: the program `{what}` cannot be a function: not a Linux program: build one for Lambda (`cargo \
                 build --profile lambda --target aarch64-unknown-linux-gnu`, or `cargo lambda build`), and name it \
                 with --binary"
            ),
        );
    }
    let answer = package(&site, "arm64", &["--binary", "none"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.starts_with("error: the program `none` cannot be read: "), "{}", answer.err);
}
