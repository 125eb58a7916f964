use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// Returns about how many bytes the rows of a batch take uncompressed.
///
/// Slices count only their own rows, also inside lists and maps, where Arrow's own measure counts
/// the whole child.
pub(super) fn of_batch(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| of_rows(column.as_ref(), 0, column.len())).sum()
}

fn of_rows(array: &dyn Array, start: usize, len: usize) -> u64 {
    let span = |first: Option<&i32>, last: Option<&i32>| match (first, last) {
        (Some(first), Some(last)) => {
            (usize::try_from(*first).unwrap_or(0), usize::try_from(last - first).unwrap_or(0))
        }
        _ => (0, 0),
    };
    let offsets = |offsets: &[i32]| span(offsets.get(start), offsets.get(start + len));
    let levels = len as u64 * 4;
    match array.data_type() {
        DataType::Utf8 => levels + offsets(array.as_string::<i32>().value_offsets()).1 as u64,
        DataType::Binary => levels + offsets(array.as_binary::<i32>().value_offsets()).1 as u64,
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (from, count) = offsets(list.value_offsets());
            levels + of_rows(list.values().as_ref(), from, count)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (from, count) = offsets(map.value_offsets());
            levels + of_rows(map.keys().as_ref(), from, count) + of_rows(map.values().as_ref(), from, count)
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|c| of_rows(c.as_ref(), start, len)).sum()
        }
        other => len as u64 * other.primitive_width().unwrap_or(1) as u64,
    }
}
