use super::*;

fn id(uid: &str) -> OperatorId {
    OperatorUid::new(uid).id()
}

fn recovered(recovery: &Recovery, uid: &str) -> bool {
    recovery.label(id(uid)) == Some(&Label::Uid(OperatorUid::new(uid)))
}

#[test]
fn uids_hash_to_the_ids_that_flink_gave() {
    for (uid, wanted) in [
        ("src-uid", "65eb651c08e51afc6b01b9ec8c609cba"),
        ("all-long", "4b059b0728c1690c10d59dba677995d6"),
        ("nsop", "482680f9518c6dc5ca8513b859a98db4"),
        ("session", "06873195f6bbbc0221fab1aa6e5c496f"),
        ("count", "b71731f1c0df9c3076c4a455334d0ad6"),
        ("ü-中", "04e5641eb2e6c3ca0e4aa7b7a17274d4"),
    ] {
        assert_eq!(id(uid).to_string(), wanted, "{uid}");
    }
}

#[test]
fn string_literals_of_a_source_tree_give_uids_back() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("a/Job.java", "stream.uid(\"java\\\"quoted\\u00e4\") // it's\n .uid(\"second\" ).name(\"x\");\n");
    put("b/c/job.py", "ds.uid('python')\nds.uid(\"\"\"triple\"\"\")\n");
    put("d/Job.scala", "val u = \"scala\"; \"sink\"");
    put("e/job.sql", "CREATE TABLE t WITH ('uid' = 'sql')");
    put("f/main.rs", "uid(r\"rust\") r#\"hash\"#");
    put("notes.txt", "\"text\"");
    put("target/Job.java", "\"built\"");
    put(".git/Job.java", "\"hidden\"");
    put("Hash.kt", "setUidHash(\"0123456789abcdef0123456789ABCDEF\")");
    let found = [
        "java\"quotedä",
        "second",
        "python",
        "triple",
        "scala",
        "sql",
        "rust",
        "hash",
        "Sink Committer: sink",
        "Sink sink Global Committer",
        "Sink Global Committer: sink",
    ];
    let not_found = ["text", "built", "hidden", "absent"];
    let hash: OperatorId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let ids = found.iter().chain(&not_found).map(|uid| id(uid)).chain([hash]);
    let mut recovery = Recovery::new(ids);
    let scanned = recovery.scan(dir.path()).unwrap();
    assert_eq!((scanned.files, scanned.skipped), (6, 0));
    for uid in found {
        assert!(recovered(&recovery, uid), "{uid}");
    }
    for uid in not_found {
        assert!(recovery.label(id(uid)).is_none(), "{uid}");
    }
    assert_eq!(recovery.label(hash), Some(&Label::UidHash));
}

#[test]
fn a_word_list_has_a_uid_on_each_line() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("uids");
    fs::write(&list, "one\r\n two words \n\n\"quoted\"\nlast").unwrap();
    let mut recovery = Recovery::new(["one", "two words", " two words ", "\"quoted\"", "last"].map(id));
    recovery.scan(&list).unwrap();
    for uid in ["one", "two words", " two words ", "\"quoted\"", "last"] {
        assert!(recovered(&recovery, uid), "{uid}");
    }
    assert!(matches!(recovery.scan(&dir.path().join("gone")), Err(Error::Missing { .. })));
}

#[test]
fn operators_get_their_uids_and_keep_those_they_have() {
    let bytes = include_bytes!(
        "../../../../fixtures/flink/metadata/v2-1.8.3-small-rocksdb-rdbtimers-savepoint.metadata"
    );
    let mut metadata = crate::metadata::read(bytes).unwrap();
    let mut recovery = Recovery::of(&metadata);
    for word in ["source", "by-long", "count", "namespaced", "wrong"] {
        recovery.candidate(word);
    }
    assert_eq!(recovery.apply(&mut metadata), 4);
    assert_eq!(Recovery::of(&metadata).wanted.len(), metadata.operators.len() - 4);
    assert_eq!(recovery.apply(&mut metadata), 0);
    assert_eq!(crate::metadata::write(&metadata).unwrap(), bytes);
}

#[test]
fn uids_of_the_corpus_are_recovered_from_a_list() {
    let Ok(corpus) = std::env::var("ALLUVIUM_FLINK_CORPUS") else { return };
    let mut folders: Vec<_> = std::env::split_paths(&corpus).collect();
    let (mut operators, mut labelled) = (0, 0);
    while let Some(folder) = folders.pop() {
        if let Ok(text) = fs::read_to_string(folder.join("truth.json")) {
            let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut metadata = crate::locate::locate_local(&folder.join("snapshot")).unwrap().metadata;
            metadata.operators.iter_mut().for_each(|operator| operator.uid = None);
            let mut recovery = Recovery::of(&metadata);
            let uids = truth["uid_to_operator_id"].as_object();
            for (uid, id) in uids.into_iter().flatten() {
                recovery.candidate(uid);
                let id: OperatorId = id.as_str().unwrap().parse().unwrap();
                if metadata.operators.iter().any(|operator| operator.id == id) {
                    operators += 1;
                    assert!(recovered(&recovery, uid), "{}: {uid}", folder.display());
                }
            }
            labelled += recovery.apply(&mut metadata);
        }
        let below = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(below.filter(|path| path.is_dir() && !path.ends_with("snapshot")));
    }
    println!("{labelled} of {operators} operators with uids");
    assert!(operators > 0 && labelled >= operators);
}
