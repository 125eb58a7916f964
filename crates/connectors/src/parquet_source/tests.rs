use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use super::*;

const ROWS: i64 = 20_345;

fn file(dir: &Path) -> PathBuf {
    let path = dir.join("rows.parquet");
    let numbers = Int64Array::from_iter_values(0..ROWS);
    let names = StringArray::from_iter((0..ROWS).map(|i| (i % 3 != 0).then(|| format!("n{i}"))));
    let columns: Vec<(&str, arrow_array::ArrayRef)> =
        vec![("number", Arc::new(numbers)), ("name", Arc::new(names))];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    path
}

fn source(path: PathBuf) -> ParquetSource<(i64, Option<String>)> {
    ParquetSource::new(path, ["number", "name"], |columns| {
        let (number, name) = (columns.integer("number")?, columns.text("name")?);
        let record = |row| {
            let number: i64 = number.get(row).unwrap();
            ((number, name.get(row).map(str::to_owned)), number * 10)
        };
        Ok((0..columns.len()).map(record).collect())
    })
}

fn read_all(split: &mut dyn Split<(i64, Option<String>), (u32, u64)>, budget: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    loop {
        let mut batch = Batch::new();
        let status = split.read(budget, &mut batch).unwrap();
        assert!(batch.len() <= budget);
        for ((number, name), time) in batch {
            assert_eq!((time, name.is_none()), (number * 10, number % 3 == 0));
            numbers.push(number);
        }
        if status == ReadStatus::End {
            return numbers;
        }
    }
}

#[test]
fn splits_hold_blocks_in_turn_and_every_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(file(dir.path()));
    let positions = source.splits().unwrap();
    assert_eq!(positions.len(), 8);
    let mut all = Vec::new();
    for position in positions {
        let numbers = read_all(&mut *source.open(position).unwrap(), 333);
        assert!(numbers.iter().all(|n| (n / 1000) % 8 == i64::from(position.0)));
        assert!(numbers.is_sorted());
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (0..ROWS).collect::<Vec<_>>());
}

#[test]
fn reading_goes_on_at_any_position() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(file(dir.path()));
    let whole = read_all(&mut *source.open((4, 0)).unwrap(), 1000);
    assert_eq!(whole.len(), 2345);
    for read in [0, 1, 999, 1000, 1001, 2000, 2344, 2345] {
        let mut split = source.open((4, read)).unwrap();
        assert_eq!(split.position(), (4, read));
        assert_eq!(read_all(&mut *split, 77), whole[read as usize..]);
        assert_eq!(split.position(), (4, 2345));
    }
}

#[test]
fn positions_that_the_file_lacks_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(file(dir.path()));
    assert_eq!(source.open((8, 0)).err().map(|e| e.kind()), Some(ErrorKind::Input));
    assert_eq!(source.open((4, 2346)).err().map(|e| e.kind()), Some(ErrorKind::Input));
}

#[test]
fn missing_files_and_columns_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = source(dir.path().join("none.parquet")).splits().unwrap_err();
    assert!(error.to_string().contains("none.parquet"));
    let odd = ParquetSource::<i64>::new(file(dir.path()), ["number"], |columns| {
        columns.float("number")?;
        Ok(vec![])
    });
    let error = odd.open((0, 0)).unwrap().read(10, &mut Batch::new()).unwrap_err();
    assert!(error.to_string().contains("column number"), "{error}");
}
