use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alluvium_testkit::outcome::Outcome;
use tempfile::TempDir;

/// A directory of its own, in which `alluvium` is run and knows no running jobs but its own.
pub(crate) struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Sandbox { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alluvium"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.path("runtime"));
        command
    }

    pub(crate) fn alluvium(&self, args: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(args))
    }

    /// Makes the savepoint `name` of one operator with three states, from JSON lines.
    pub(crate) fn savepoint(&self, name: &str, flights: &[(&str, i64)]) {
        let files = format!("{name}-files");
        self.write(&format!("{files}/job.json"), DESCRIPTION);
        let lines: Vec<String> =
            flights.iter().map(|(key, value)| format!("{{\"key\":{key:?},\"value\":{value}}}\n")).collect();
        self.write(&format!("{files}/aircraft/flights.jsonl"), &lines.concat());
        self.write(
            &format!("{files}/aircraft/visits.jsonl"),
            "{\"key\":\"N1\",\"map_key\":\"BOS\",\"value\":2}\n{\"key\":\"N1\",\"map_key\":\"LAX\",\"value\":1}\n",
        );
        self.write(&format!("{files}/aircraft/last.jsonl"), "{\"key\":\"N1\",\"value\":[3,1,2]}\n");
        self.alluvium(&["convert", &files, name]).exits(0);
    }

    pub(crate) fn two_aircraft(&self) {
        self.savepoint("sp", &[("N1", 4), ("N2", 7)]);
    }
}

/// Finds a file below a directory by the end of its name.
pub(crate) fn find(directory: &Path, ending: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, ending) {
                return Some(found);
            }
        } else if path.to_string_lossy().ends_with(ending) {
            return Some(path);
        }
    }
    None
}

/// A job with one operator of three states.
pub(crate) const DESCRIPTION: &str = r#"{
  "description_version": 1,
  "name": "flights",
  "operators": [{
    "id": "c8139c593d8eae3b398e6700dec23c7c", "uid": "aircraft", "name": "follow", "role": "process",
    "parallelism": 1, "max_parallelism": 128, "key_type": "string", "key_group_function": "java-hash/1",
    "states": [
      {"name": "flights", "kind": "value", "key_type": "string", "value_type": "int64"},
      {"name": "visits", "kind": "map", "key_type": "string", "map_key_type": "string", "value_type": "int32"},
      {"name": "last", "kind": "list", "key_type": "string", "value_type": "int32"}
    ]
  }],
  "edges": []
}"#;
