//! Where running jobs leave their address, so that `list`, `stop` and the others find them.
//!
//! One small JSON file per job in the user's runtime directory: `$XDG_RUNTIME_DIR/alluvium`, else
//! `alluvium-<uid>` in the directory for temporary files. A job removes its file at exit; files of
//! processes that are gone are passed over.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

/// A job that runs in some process of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// Id, 32 hex digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its root, absolute.
    pub root: PathBuf,
    /// Where its REST API listens, without a slash at its end.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: i64,
}

/// The file of a running job; removed when dropped.
#[derive(Debug)]
pub struct Registration {
    path: PathBuf,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns the directory of the files.
pub fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("alluvium"),
        None => std::env::temp_dir().join(format!("alluvium-{}", user_id())),
    }
}

/// Leaves the address of a job.
///
/// # Errors
/// What the file system says.
pub fn register(job: &RunningJob) -> io::Result<Registration> {
    register_in(&directory(), job)
}

/// Returns the jobs of this user whose process lives, oldest first.
pub fn running() -> Vec<RunningJob> {
    running_in(&directory())
}

fn register_in(directory: &Path, job: &RunningJob) -> io::Result<Registration> {
    create_private(directory)?;
    let path = directory.join(format!("{}-{}.json", job.id, job.pid));
    let unfinished = path.with_extension("new");
    let text = json!({
        "id": job.id,
        "name": job.name,
        "root": job.root.to_string_lossy(),
        "url": job.url,
        "pid": job.pid,
        "started_ms": job.started_ms,
    });
    writeln!(fs::File::create(&unfinished)?, "{text}")?;
    fs::rename(&unfinished, &path)?;
    Ok(Registration { path })
}

fn running_in(directory: &Path) -> Vec<RunningJob> {
    if !is_ours(directory) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "json"));
    let mut jobs: Vec<RunningJob> =
        paths.filter_map(|path| read(&path)).filter(|job| is_alive(job.pid)).collect();
    jobs.sort_by(|a, b| (a.started_ms, &a.id).cmp(&(b.started_ms, &b.id)));
    jobs
}

fn read(path: &Path) -> Option<RunningJob> {
    let json: Json = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    Some(RunningJob {
        id: text("id")?,
        name: text("name")?,
        root: text("root")?.into(),
        url: text("url")?,
        pid: json.get("pid")?.as_u64()?.try_into().ok()?,
        started_ms: json.get("started_ms")?.as_i64()?,
    })
}

#[cfg(unix)]
fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if is_ours(directory) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} belongs to another user", directory.display()),
    ))
}

#[cfg(not(unix))]
fn create_private(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// Whether nobody else can have written there.
#[cfg(unix)]
fn is_ours(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(directory).is_ok_and(|m| m.is_dir() && m.uid() == user_id())
}

#[cfg(not(unix))]
fn is_ours(directory: &Path) -> bool {
    directory.is_dir()
}

/// The user of this process: the owner of its entry in `/proc`, else of the home directory.
#[cfg(unix)]
fn user_id() -> u32 {
    use std::os::unix::fs::MetadataExt;
    let home = || std::env::var_os("HOME").and_then(|home| fs::metadata(home).ok());
    fs::metadata("/proc/self").ok().or_else(home).map_or(0, |m| m.uid())
}

#[cfg(not(unix))]
fn user_id() -> u32 {
    0
}

/// Whether a process lives; without `/proc` every one is taken for alive, and its REST API decides.
fn is_alive(pid: u32) -> bool {
    !Path::new("/proc/self").exists() || Path::new(&format!("/proc/{pid}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, pid: u32) -> RunningJob {
        RunningJob {
            id: id.into(),
            name: "flights".into(),
            root: "/data/flights".into(),
            url: "http://127.0.0.1:8081".into(),
            pid,
            started_ms: 5,
        }
    }

    #[test]
    fn a_job_is_found_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("alluvium");
        let mine = job("a", std::process::id());
        let registration = register_in(&dir, &mine).unwrap();
        assert_eq!(running_in(&dir), [mine]);
        drop(registration);
        assert_eq!(running_in(&dir), []);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn files_of_dead_processes_and_nonsense_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let _dead = register_in(dir.path(), &job("a", u32::MAX)).unwrap();
        fs::write(dir.path().join("b.json"), "{").unwrap();
        assert_eq!(running_in(dir.path()), []);
        assert_eq!(running_in(&dir.path().join("nowhere")), []);
    }
}
