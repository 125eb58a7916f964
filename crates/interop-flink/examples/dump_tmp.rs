use alluvium_interop_flink::metadata;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let m = metadata::read(&std::fs::read(path).unwrap()).unwrap();
    let only = std::env::args().nth(2).unwrap_or_default();
    for o in &m.operators {
        if !o.id.to_string().contains(&only) { continue; }
        println!("{} {:?}", o.id, o.uid);
        for s in &o.subtasks { let t = format!("{s:?}"); let t = t.replace("file:/tmp/fixtures", ""); println!("  {}", t); }
    }
}
