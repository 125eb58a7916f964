use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::sandbox::Sandbox;

/// A process that is not left behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    #[track_caller]
    fn exits(&mut self, code: i32) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert_eq!(status.code(), Some(code));
                return;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn flights(sandbox: &Sandbox, flags: &[&str], rate: &str) -> Running {
    let log = std::fs::File::create(sandbox.path("worker.log")).unwrap();
    let common = ["run", "flights", "--root", "root", "--rest-port", "0", "--checkpoint-interval", "300ms"];
    let job = ["--", "--out", "out", "--rate", rate];
    let args = [&common[..], flags, &job].concat();
    Running(sandbox.command(&args).stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

/// Asks until the answer is as wanted.
#[track_caller]
fn until(sandbox: &Sandbox, args: &[&str], wanted: impl Fn(&[Json]) -> bool) -> Vec<Json> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let outcome = sandbox.alluvium(args);
        let lines = if outcome.code == 0 { outcome.lines() } else { Vec::new() };
        if wanted(&lines) {
            return lines;
        }
        let log = std::fs::read_to_string(sandbox.path("worker.log")).unwrap_or_default();
        assert!(Instant::now() < end, "{args:?}: {}{}\n{log}", outcome.stdout, outcome.stderr);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn has_checkpoints(lines: &[Json]) -> bool {
    lines.first().is_some_and(|job| job["checkpoints"].as_u64() >= Some(2))
}

#[test]
fn a_job_is_watched_stopped_and_restored_at_another_parallelism() {
    let sandbox = Sandbox::new();
    let mut worker = flights(&sandbox, &["-p", "1", "--max-concurrent", "2"], "5000");
    let listed = until(&sandbox, &["list"], has_checkpoints);
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&json!("flights"), &json!("RUNNING")));
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 32);

    let taken = sandbox.alluvium(&["checkpoint", id]).exits(0).json();
    let history = sandbox.alluvium(&["checkpoint", "root", "--history"]).exits(0).lines();
    let found = history.iter().find(|c| c["id"] == taken["checkpoint"]).unwrap();
    assert_eq!(found["status"], "COMPLETED");
    let inspected = sandbox.alluvium(&["inspect", "root"]).exits(0).json();
    assert_eq!(inspected["kind"], "checkpoint");

    let native = sandbox.alluvium(&["savepoint", id, "native", "--type", "native"]).exits(0).json();
    let savepoint = sandbox.alluvium(&["savepoint", id, "kept"]).exits(0).json();
    let told = until(&sandbox, &["checkpoint", "root", "--history"], |lines| lines.len() > 2);
    let format = |of: &Json| told.iter().find(|c| c["path"] == of["location"]).map(|c| c["format"].clone());
    assert_eq!(
        (format(&native), format(&savepoint)),
        (Some(json!("NATIVE")), Some(json!("CANONICAL"))),
        "{told:?}"
    );
    let kept = savepoint["location"].as_str().unwrap().to_owned();
    assert!(
        Path::new(&kept).starts_with(sandbox.path("kept").canonicalize().unwrap()) || kept.contains("/kept/")
    );
    sandbox.alluvium(&["verify", &kept]).exits(0);

    let stopped = sandbox.alluvium(&["stop", "root"]).exits(0).json();
    let location = stopped["location"].as_str().unwrap().to_owned();
    worker.exits(0);
    assert_eq!(sandbox.alluvium(&["list"]).exits(0).stdout, "");
    sandbox.alluvium(&["verify", &location]).exits(0);
    sandbox.alluvium(&["diff", &kept, &location, "--summary"]).exits(1);
    let description = sandbox.alluvium(&["describe", "flights"]).exits(0).stdout;
    sandbox.write("flights.json", &description);
    sandbox.alluvium(&["check", "flights.json", "--against", &location]).exits(0);

    // A used root is not begun anew by mistake.
    let refused = sandbox.alluvium(&["run", "flights", "--root", "root", "--", "--out", "out"]).exits(2);
    assert!(refused.stderr.contains("-s latest"), "{}", refused.stderr);

    let mut restored = flights(&sandbox, &["-p", "2", "-s", &location], "5000");
    until(&sandbox, &["list"], has_checkpoints);
    sandbox.alluvium(&["cancel"]).exits(0);
    restored.exits(0);
}

#[test]
#[cfg(unix)]
fn ctrl_c_cancels_and_exits_130() {
    let sandbox = Sandbox::new();
    let mut worker = flights(&sandbox, &[], "5000");
    until(&sandbox, &["list"], has_checkpoints);
    let pid = worker.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    worker.exits(130);
    assert_eq!(sandbox.alluvium(&["list"]).exits(0).stdout, "");
    let mut again = flights(&sandbox, &["-s", "latest"], "5000");
    until(&sandbox, &["list"], has_checkpoints);
    assert!(Command::new("kill").args(["-TERM", &again.0.id().to_string()]).status().unwrap().success());
    again.exits(130);
}

#[test]
fn a_killed_job_goes_on_from_its_newest_checkpoint() {
    let sandbox = Sandbox::new();
    let mut worker = flights(&sandbox, &[], "5000");
    until(&sandbox, &["list"], has_checkpoints);
    worker.0.kill().unwrap();
    worker.0.wait().unwrap();
    assert_eq!(sandbox.alluvium(&["list"]).exits(0).stdout, "");
    let _again = flights(&sandbox, &["-s", "latest"], "5000");
    until(&sandbox, &["list"], has_checkpoints);
    let counts = sandbox.alluvium(&["checkpoint", "--history"]).exits(0).lines();
    assert!(counts.iter().all(|c| c["id"].as_u64() > Some(1)), "{counts:?}");
    sandbox.alluvium(&["cancel"]).exits(0);
}

#[test]
fn snapshots_that_do_not_open_are_refused_before_the_job_runs() {
    let sandbox = Sandbox::new();
    let run = |snapshot: &str| {
        sandbox.alluvium(&["run", "flights", "--root", "root", "-s", snapshot, "--", "--out", "out"])
    };
    run("nowhere").exits(3).says("error[missing]: ");
    sandbox.two_aircraft();
    let manifest = sandbox.path("sp/savepoint.manifest");
    std::fs::write(&manifest, b"ALLUVIUM").unwrap();
    run("sp").exits(3).says("error[corrupt]: ");
}

#[test]
fn odd_job_arguments_are_usage() {
    let sandbox = Sandbox::new();
    let three = ["run", "flights", "--root", "root", "--max-concurrent", "3", "--", "--out", "out"];
    sandbox.alluvium(&three).exits(4).says("--max-concurrent 2 is the most");
    sandbox.alluvium(&["run", "flights", "--", "--speed", "1"]).exits(2).says("error[input]: ");
    sandbox.alluvium(&["describe", "flights", "--", "extra"]).exits(2).says("error[input]: ");
}

#[test]
#[cfg(unix)]
fn job_programs_are_given_run_and_its_flags() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let program = sandbox.write("job.sh", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 5\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = sandbox.alluvium(&["run", "job.sh", "-p", "3", "-n", "--", "--rate", "1"]).exits(5).stdout;
    let args: Vec<&str> = told.lines().collect();
    assert_eq!(args[0], "run");
    assert!(args.contains(&"--parallelism=3") && args.contains(&"--allow-non-restored-state"));
    assert_eq!(&args[args.len() - 3..], ["--", "--rate", "1"]);
    let told = sandbox.alluvium(&["describe", "./job.sh"]).exits(5).stdout;
    assert!(told.starts_with("describe\n"), "{told}");
}
