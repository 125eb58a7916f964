use std::error::Error as StdError;

use alluvium_model::ErrorKind;

/// Returns what is known of an error of the rooms that the command line uses.
pub(crate) fn of(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    macro_rules! first_known {
        ($($error:ty),+ $(,)?) => {
            $(if let Some(error) = cause.downcast_ref::<$error>() {
                return Some(error.kind());
            })+
        };
    }
    first_known!(
        alluvium_query::Error,
        alluvium_interop_flink::Error,
        alluvium_snapshot::Error,
        alluvium_store::Error,
        alluvium_convert::Error,
        alluvium_format::Error,
        alluvium_table::Error,
        alluvium_tui::Error,
    );
    None
}
