//! Tests the errors for a database file that cannot be opened.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::Barrier,
};

use bytes::Bytes;
use celeriac_core::{
    ports::Outgoing,
    store::{Workers, workers},
};
use celeriac_embedded::{OpenError, open};
use tempfile::{TempDir, tempdir};

fn place() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    (directory, path)
}

/// The error, with the directory left out.
fn error(path: &Path, directory: &TempDir) -> String {
    let error = open(path).expect_err("it should not open").to_string();
    error.replace(directory.path().to_str().unwrap(), "DIR")
}

#[test]
fn a_new_file_is_made_and_opens_again() {
    let (_directory, path) = place();
    drop(open(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().len() > 0);
    drop(open(&path).unwrap());
}

#[test]
fn many_may_make_the_same_file_at_once() {
    // A process that looks while another creates the file sees all of it or nothing. A look takes a moment, so it is
    // repeated often.
    for _ in 0..50 {
        let (_directory, path) = place();
        let barrier = Barrier::new(6);
        std::thread::scope(|scope| {
            let make = || {
                barrier.wait();
                open(&path).map(drop)
            };
            let opened: Vec<_> = (0..6).map(|_| scope.spawn(make)).collect();
            for opened in opened {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn a_missing_directory() {
    let (directory, _) = place();
    assert_eq!(
        error(&directory.path().join("no/queue.db"), &directory),
        "cannot create `DIR/no/queue.db`: there is no directory `DIR/no`; create it, or name another file"
    );
}

#[test]
fn a_directory() {
    let (directory, _) = place();
    assert_eq!(error(directory.path(), &directory), "`DIR` is not a file; name a file in it, or another one");
}

#[test]
fn a_file_that_is_no_database() {
    let (directory, path) = place();
    fs::write(&path, "email,name\nada@example.org,Ada\n".repeat(100)).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` is not a SQLite database, or is damaged (file is not a database); name another file, or \
         restore this one from a copy"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is put beside it");
}

#[test]
fn a_short_file_that_is_no_database_is_refused_and_stays_as_it_is() {
    for bytes in [1, 15, 16, 99, 100, 511, 512, 513] {
        let (directory, path) = place();
        let before = vec![b'x'; bytes];
        fs::write(&path, &before).unwrap();
        let error = error(&path, &directory);
        assert!(error.starts_with("`DIR/queue.db` is not a SQLite database"), "{bytes} bytes: {error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is put beside it");
    }
}

#[test]
fn a_file_with_a_second_name() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    let other = directory.path().join("other.db");
    fs::hard_link(&path, &other).unwrap();
    for name in ["queue.db", "other.db"] {
        assert_eq!(
            error(&directory.path().join(name), &directory),
            format!(
                "`DIR/{name}` is one of 2 names (hard links) of one file: under each it has another log and other locks, \
                 and calls would be lost; remove the other names, which `find / -xdev -samefile DIR/{name}` lists"
            )
        );
    }
    assert!(!directory.path().join("other.db-locks").exists(), "nothing is put beside it");
    fs::remove_file(other).unwrap();
    drop(open(&path).unwrap());
}

/// A second place of a file or a folder, until it is dropped.
#[cfg(target_os = "linux")]
struct Mount(PathBuf);

#[cfg(target_os = "linux")]
impl Mount {
    /// `None`, with a message, if this user or this machine may not mount.
    fn bind(what: &Path, at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").arg("--bind").args([what, at]).output();
        match mounted {
            Ok(mounted) if mounted.status.success() => Some(Self(at.to_owned())),
            Ok(mounted) => {
                println!("skipped: {}", String::from_utf8_lossy(&mounted.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: cannot run `mount`: {error}");
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Mounts the file and not its folder, as containers do (nofx#67, toil#2947).
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_mounted_by_itself() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    let app = directory.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("queue.db"), "").unwrap();
    let Some(mount) = Mount::bind(&path, &app.join("queue.db")) else { return };
    let expected = "`DIR/app/queue.db` is a mount point: under its other name the file has another log and other locks, \
                    and calls would be lost; mount the folder that it is in, not the file";
    assert_eq!(error(&app.join("queue.db"), &directory), expected);
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink("app/queue.db", &link).unwrap();
    assert_eq!(error(&link, &directory), expected.replace("app/queue.db", "link.db"), "a link leads to it");
    assert_eq!(fs::read_dir(&app).unwrap().count(), 1, "nothing is put beside it");
    drop(mount);
    drop(open(&path).unwrap());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_is_mounted_holds_the_same_queue() {
    let (directory, path) = place();
    let app = directory.path().join("app");
    let host = directory.path().join("host");
    fs::create_dir(&app).unwrap();
    fs::create_dir(&host).unwrap();
    let Some(_mount) = Mount::bind(&host, &app) else { return };
    let (one, other) = (open(&host.join("queue.db")).unwrap(), open(&app.join("queue.db")).unwrap());
    for ports in [&one, &other] {
        let message = Outgoing::of("mail", Bytes::from_static(b"hello"), 0);
        ports.queue.send(vec![message]).await.remove(0).unwrap();
    }
    for ports in [&one, &other] {
        assert_eq!(ports.queue.depths().await.unwrap()[0].ready, 2);
    }
    drop(path);
}

#[test]
fn log_and_locks_are_next_to_the_target_of_a_link() {
    let (directory, path) = place();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    // It does not exist when it is first opened.
    std::os::unix::fs::symlink("data/real.db", &path).unwrap();
    for _ in 0..2 {
        let ports = open(&path).unwrap();
        let names = |directory: &Path| {
            let names = fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            names.collect::<BTreeSet<_>>()
        };
        let expected = ["real.db", "real.db-locks", "real.db-shm", "real.db-wal"].map(str::to_owned);
        assert_eq!(names(&data), BTreeSet::from(expected));
        assert_eq!(names(directory.path()), BTreeSet::from(["data", "queue.db"].map(str::to_owned)));
        drop(ports);
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_directory, path) = place();
    fs::write(&path, "").unwrap();
    drop(open(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn a_database_of_the_time_before_formats_had_numbers() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 0).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` was made by a celeriac from before its first release, whose format this version does not read; \
         let that program finish its calls and name a new file for this one, or delete `DIR/queue.db` with the files \
         beside it"
    );
}

#[test]
fn a_damaged_database() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` is not a SQLite database, or is damaged (database disk image is malformed); name another \
         file, or restore this one from a copy"
    );
}

#[test]
fn a_database_of_another_program() {
    let (directory, path) = place();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipe (name TEXT); PRAGMA application_id = 0x1234abcd").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` is a database of another program (application id 0x1234abcd); name a file of its own for the \
         queue"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is put beside it");
}

#[test]
fn a_database_of_a_newer_version() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` has format 7 of a newer version of celeriac, and this one reads up to format 2; update this \
         program, or name another file"
    );
}

#[test]
fn a_read_only_file() {
    let (directory, path) = place();
    drop(open(&path).unwrap());
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR/queue.db` is read-only, and a queue must be written; make it writable, or name another file"
    );
}

#[test]
fn a_read_only_directory() {
    let (directory, path) = place();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    assert_eq!(
        error(&path, &directory),
        "`DIR` is read-only, and a queue must be written; make it writable, or name another file"
    );
}

#[test]
fn a_network_file_system() {
    let error = OpenError::Network { path: "/mnt/queue.db".into(), kind: "nfs" };
    assert_eq!(
        error.to_string(),
        "`/mnt/queue.db` is on a network file system (nfs), whose locks do not keep processes apart; name a file on a \
         local disk"
    );
}

#[test]
fn a_file_of_another_user() {
    const EXPECTED: &str = "no permission to read and write `DIR/queue.db`; grant it to the user that runs this, or \
                            name another file";
    let (directory, path) = place();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o200)).unwrap();
    if fs::read(&path).is_err() {
        assert_eq!(error(&path, &directory), EXPECTED);
        return;
    }
    // The superuser may do anything, so run as the user nobody, who must be able to reach the file and this program.
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let program = directory.path().join("asks");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let asked = Command::new(program)
        .args(["--exact", "asks_as_nobody", "--ignored", "--nocapture"])
        .env("CELERIAC_TEST_FILE", &path)
        .current_dir(directory.path())
        .uid(65534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stdout).replace(directory.path().to_str().unwrap(), "DIR");
    assert!(said.contains(EXPECTED), "{said}");
}

#[test]
#[ignore = "run by a_file_of_another_user, as nobody"]
fn asks_as_nobody() {
    let path = std::env::var("CELERIAC_TEST_FILE").unwrap();
    println!("{}", open(Path::new(&path)).expect_err("it should not open"));
}

#[test]
fn a_file_has_the_same_url_by_whatever_name_it_was_opened() {
    let (directory, path) = place();
    let url = format!("sqlite:{}", directory.path().canonicalize().unwrap().join("queue.db").display());
    assert_eq!(open(&path).unwrap().url.as_deref(), Some(&*url));
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(open(&link).unwrap().url.as_deref(), Some(&*url));
}

#[test]
fn the_workers_on_a_missing_file_are_unknown() {
    let (directory, path) = place();
    let url = format!("sqlite:{}", path.display()).parse().unwrap();
    assert_eq!(workers(&url), Workers::Unknown);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is made");
    drop(open(&path).unwrap());
    assert_eq!(workers(&url), Workers::Known(0));
}
