//! Checkpoints of several runs of one table.

use super::*;

/// A run to be written: schema, base, sequence, clip, rows.
pub(super) struct Part {
    pub(super) schema: Arc<StateSchema>,
    pub(super) base: bool,
    pub(super) sequence: (u32, u32),
    pub(super) clip: (u32, u32),
    pub(super) subtask: Option<u32>,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Stack {
    pub(super) as_of_ms: Option<i64>,
    pub(super) schema: Arc<StateSchema>,
    pub(super) parts: Vec<Part>,
    /// The rows that must be live.
    pub(super) live: Vec<Row>,
    pub(super) schemas_outside: bool,
}

pub(super) fn part(schema: &Arc<StateSchema>, base: bool, sequence: (u32, u32), rows: Vec<Row>) -> Part {
    Part { schema: Arc::clone(schema), base, sequence, clip: (0, GROUPS), subtask: None, rows }
}

/// Writes the parts end to end into one object, the last one inline.
pub(super) fn stacked(folder: &Path, stack: Stack) -> Result<()> {
    let mut manifest =
        Manifest::new(Profile::Checkpoint, JobRef { id: "golden".into(), name: "golden".into() });
    (manifest.attempt, manifest.checkpoint_id, manifest.created_ms) = (1, 3, 1_357_000_000_000);
    manifest.as_of_ms = stack.as_of_ms;
    let (mut object, mut written) = (Vec::new(), Vec::new());
    let last = stack.parts.len() - 1;
    for (i, part) in stack.parts.into_iter().enumerate() {
        let options =
            if part.base { RunOptions::base(part.sequence) } else { RunOptions::delta(part.sequence) };
        let mut writer = RunWriter::new(Arc::clone(&part.schema), options)?;
        writer.write(&batch(&part.schema, !part.base, part.rows)?)?;
        let (pieces, meta) = writer.finish()?;
        let bytes = pieces.concat();
        let spec = RunSpec {
            table: 0,
            schema_id: manifest.intern_schema(&part.schema),
            schema: part.schema,
            base: part.base,
            sequence: part.sequence,
            clip: KeyGroupRange::new(part.clip.0, part.clip.1),
            subtask: part.subtask,
        };
        let inline = i == last && bytes.len() <= RunRef::INLINE_BYTES_MAX;
        let offset = object.len();
        if !inline {
            object.extend_from_slice(&bytes);
        }
        written.push((spec, meta, bytes, offset, inline));
    }
    fs::create_dir_all(folder.join("objects"))?;
    fs::create_dir_all(folder.join("checkpoints"))?;
    let lists = digest::list_bytes(&digest::block_digests(&object));
    let blocks = Blocks::Listed {
        object_name: "objects/lists".into(),
        root: 0,
        offset: 3,
        length: lists.len() as u64,
    };
    let reference = Arc::new(ObjectRef { blocks, ..ObjectRef::of_bytes("objects/runs", &object) });
    fs::write(folder.join("objects/runs"), &object)?;
    fs::write(folder.join("objects/lists"), [b"..." as &[u8], &lists].concat())?;
    let runs = written.into_iter().map(|(spec, meta, bytes, offset, inline)| {
        let place = match inline {
            true => Place::Inline(bytes.into()),
            false => {
                Place::Object { object: Arc::clone(&reference), offset: offset as u64, length: meta.bytes }
            }
        };
        spec.reference(place, &meta)
    });
    let uid = OperatorUid::new("golden");
    let table = TableEntry {
        runs: runs.collect(),
        schema_id: manifest.intern_schema(&stack.schema),
        digest: None,
        entries: None,
    };
    manifest.operators.push(OperatorEntry {
        id: uid.id(),
        uid: Some(uid),
        name: Some("Golden".into()),
        parallelism: 4,
        max_parallelism: GROUPS,
        key_group_function: function(&stack.schema),
        sequence_max: 9,
        tables: vec![table],
    });
    if stack.schemas_outside {
        let bytes = encode_schemas(&manifest.schemas);
        fs::write(folder.join("objects/schemas"), &bytes)?;
        manifest.schemas_object = Some(ObjectRef::of_bytes("objects/schemas", &bytes));
    }
    fs::write(folder.join("checkpoints/00000001-0000000003.manifest"), encode(&manifest)?)?;
    let live_rows = live(&stack.schema, &batch(&stack.schema, false, stack.live)?)?;
    write_expected(
        folder,
        "checkpoint",
        Map::from_iter([(format!("golden/{}", stack.schema.name), live_rows)]),
    )
}
