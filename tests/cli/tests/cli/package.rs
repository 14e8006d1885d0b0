//! Tests `deploy package`: the zip that Lambda runs. The program of a test is a Linux program for this machine.

use std::{env::consts::ARCH, fs, io::Read as _};

use zip::ZipArchive;

use crate::site::{Answer, SHOP, Site};

/// As Lambda names this machine, and another one.
fn architectures() -> (&'static str, &'static str) {
    if ARCH == "aarch64" { ("arm64", "x86_64") } else { ("x86_64", "arm64") }
}

/// Packs a program, whatever C library this machine has.
fn package(site: &Site, architecture: &str, more: &[&str]) -> Answer {
    package_for(site, architecture, &[&["--glibc", "9.99"], more].concat())
}

fn package_for(site: &Site, architecture: &str, more: &[&str]) -> Answer {
    fs::write(site.path("stack.toml"), format!("architecture = \"{architecture}\"")).unwrap();
    site.shop(&[&["deploy", "package", "--settings", "stack.toml"], more].concat())
}

/// This program, as if a machine with the C library 2.39 had built it.
fn on_a_newer_system(site: &Site) -> String {
    const START: &[u8] = b"GLIBC_2.";
    let mut program = fs::read(SHOP).unwrap();
    let versions: Vec<usize> =
        program.windows(START.len()).enumerate().filter(|(_, at)| *at == START).map(|(at, _)| at).collect();
    for at in versions {
        let minor = at + START.len()..at + START.len() + 3;
        if matches!(program[minor.clone()], [b'0'..=b'9', b'0'..=b'9', 0]) {
            program[minor].copy_from_slice(b"39\0");
        }
    }
    let file = site.path("newer");
    fs::write(&file, program).unwrap();
    file.display().to_string()
}

#[test]
fn a_program_that_needs_a_newer_c_library_is_refused_with_the_cure() {
    let site = Site::new();
    let (here, _) = architectures();
    let newer = on_a_newer_system(&site);
    package_for(&site, here, &["--binary", &newer]).fails(
        2,
        &format!(
            "error: the program `{newer}` cannot be a function: needs glibc 2.39, the functions have 2.34: build it with \
             `cargo lambda build` or `cargo zigbuild --target {ARCH}-unknown-linux-gnu.2.34`, or on an older system"
        ),
    );
    assert!(!site.path("function.zip").exists());
    package_for(&site, here, &["--binary", &newer, "--glibc", "2.39"]).ok();
    let answer = package_for(&site, here, &["--glibc", "new"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("a version of the C library, such as `2.34`"), "{}", answer.err);
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
