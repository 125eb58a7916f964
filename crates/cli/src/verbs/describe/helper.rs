//! The Java helper of `describe --flink`: its sources are in this binary and compiled once for each
//! release of Flink.

use std::path::{Path, PathBuf};
use std::process::Command;

use alluvium::failure::Told;
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};

/// The class whose main is run.
pub(super) const MAIN: &str = "alluvium.describe.Describe";

/// The sources, by file name.
const SOURCES: [(&str, &str); 8] = [
    ("Capture.java", include_str!("../../../../../tools/describe-flink/Capture.java")),
    ("Describe.java", include_str!("../../../../../tools/describe-flink/Describe.java")),
    ("Graph.java", include_str!("../../../../../tools/describe-flink/Graph.java")),
    ("IdleSource.java", include_str!("../../../../../tools/describe-flink/IdleSource.java")),
    ("Json.java", include_str!("../../../../../tools/describe-flink/Json.java")),
    ("Probe.java", include_str!("../../../../../tools/describe-flink/Probe.java")),
    ("Refuse.java", include_str!("../../../../../tools/describe-flink/Refuse.java")),
    ("StandIn.java", include_str!("../../../../../tools/describe-flink/StandIn.java")),
];

/// What stands beside the classes: Flink finds [`SOURCES`]' `Refuse`, and logs nothing.
const RESOURCES: [(&str, &str); 2] = [
    (
        "META-INF/services/org.apache.flink.core.execution.PipelineExecutorFactory",
        "alluvium.describe.Refuse\n",
    ),
    ("log4j2.properties", "rootLogger.level = OFF\n"),
];

/// The jars of one release of Flink.
#[derive(Debug)]
pub(super) struct Flink {
    /// `2.3.0`.
    version: String,
    /// All jars of its `lib`.
    pub(super) jars: Vec<PathBuf>,
}

impl Flink {
    /// Finds the jars in an unpacked Flink or in a folder of jars.
    pub(super) fn find(directory: &Path) -> Result<Self> {
        for folder in [directory.join("lib"), directory.to_owned(), directory.join("pyflink/lib")] {
            let mut jars = jars_of(&folder);
            jars.sort();
            if let Some(version) = jars.iter().find_map(|jar| version_of(jar)) {
                return Ok(Flink { version, jars });
            }
        }
        let message = format!("there is no flink-dist-<version>.jar in {} or its lib", directory.display());
        Err(Told::new(ErrorKind::Missing, message)
            .next(
                "unpack a release of https://flink.apache.org/downloads, or `pip download --no-deps \
                 apache-flink-libraries==2.3.0` and unzip the wheel; --flink takes the directory with lib, \
                 or pyflink/lib",
            )
            .into())
    }
}

fn jars_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "jar")).collect()
}

fn version_of(jar: &Path) -> Option<String> {
    let name = jar.file_name()?.to_str()?;
    let version = name.strip_prefix("flink-dist-")?.strip_suffix(".jar")?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

/// Finds a program of the JDK.
pub(super) fn tool(name: &str) -> Result<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = home.into_iter().chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(&file)).filter(|path| path.is_file())).ok_or_else(|| {
        Told::new(ErrorKind::Missing, format!("there is no {name}, neither in JAVA_HOME nor in PATH"))
            .next(
                "install a JDK, version 17 for Flink 2 or 11 for Flink 1.18: \
                 apt-get install openjdk-17-jdk-headless, for instance",
            )
            .into()
    })
}

/// Returns the folder of the helper's classes for this release, after compiling them if need be.
pub(super) fn compiled(flink: &Flink) -> Result<PathBuf> {
    let folder = cache().join(format!("{:016x}-{}", fingerprint(), flink.version));
    if folder.is_dir() {
        return Ok(folder);
    }
    let doing = || Told::doing(format!("cannot write the helper's classes to {}", folder.display()));
    let fresh = folder.with_extension(format!("tmp{}", std::process::id()));
    let mut command = Command::new(tool("javac")?);
    command.args(["-nowarn", "-proc:none", "-encoding", "UTF-8", "--release", "11", "-d"]).arg(&fresh);
    command.arg("-cp").arg(std::env::join_paths(&flink.jars)?);
    for (name, text) in SOURCES {
        command.arg(write(&fresh.join("src").join(name), text).with_context(doing)?);
    }
    for (name, text) in RESOURCES {
        write(&fresh.join(name), text).with_context(doing)?;
    }
    let output = command.output().context("cannot execute javac")?;
    if !output.status.success() {
        let message = format!(
            "javac cannot compile the helper against Flink {}:\n{}",
            flink.version,
            String::from_utf8_lossy(&output.stderr)
        );
        return Err(Told::new(ErrorKind::Unsupported, message)
            .next("releases from 1.18 to 2.3 are known to work")
            .into());
    }
    match std::fs::rename(&fresh, &folder) {
        // Another process was faster; what it compiled is the same.
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&fresh).with_context(doing)?,
        moved => moved.with_context(doing)?,
    }
    Ok(folder)
}

fn write(path: &Path, text: &str) -> std::io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(path.to_owned())
}

fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".cache"));
    let base = set("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir);
    base.join("alluvium").join("describe-flink")
}

/// FNV-1a over all that is compiled: other sources get another folder.
fn fingerprint() -> u64 {
    let texts = SOURCES.iter().chain(&RESOURCES).flat_map(|(name, text)| [*name, *text]);
    texts
        .flat_map(str::bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_name_of_the_jar() {
        assert_eq!(version_of(Path::new("/f/lib/flink-dist-2.3.0.jar")).as_deref(), Some("2.3.0"));
        assert_eq!(version_of(Path::new("/f/lib/flink-dist_2.12-1.13.6.jar")), None);
        assert_eq!(version_of(Path::new("/f/lib/flink-cep-2.3.0.jar")), None);
    }

    #[test]
    fn a_folder_without_flink_says_what_to_install() {
        let error = Flink::find(Path::new("/nonexistent")).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("there is no flink-dist-<version>.jar in /nonexistent or its lib".to_owned()));
    }

    #[test]
    fn all_sources_of_the_folder_are_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/describe-flink");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".java"))
            .collect();
        there.sort();
        assert_eq!(there, SOURCES.map(|(name, _)| name.to_owned()));
    }
}
