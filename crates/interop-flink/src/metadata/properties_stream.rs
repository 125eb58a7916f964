//! The Java object stream of checkpoint properties, as `ObjectOutputStream` writes it.

use bytes::Bytes;

use super::properties::{PostCheckpointAction, SavepointFormat, SharingFilesStrategy};

const PACKAGE: &str = "org.apache.flink.runtime.checkpoint";
const CODE_OF_STRING: &str = "Ljava/lang/String;";

/// Handle of the description of `java.lang.Enum` once the first constant is written: two classes
/// with their objects' names before it are the same in every stream of this module.
const SUPERCLASS_OF_ENUMS: u32 = 0x7E_0009;

pub(super) fn savepoint(format: SavepointFormat, action: PostCheckpointAction, flags: [bool; 7]) -> Bytes {
    let mut out = Stream::properties(flags);
    out.object(&format!("{PACKAGE}.SavepointType"), 0xA087_D308_A458_14B8, 3);
    out.field("formatType", "Lorg/apache/flink/core/execution/SavepointFormatType;");
    out.field("name", CODE_OF_STRING);
    let code = "Lorg/apache/flink/runtime/checkpoint/SavepointType$PostCheckpointAction;";
    out.field("postCheckpointAction", code);
    out.end_of_class();
    out.first_constant("org.apache.flink.core.execution.SavepointFormatType", format.name());
    out.string(match action {
        PostCheckpointAction::None => "Savepoint",
        PostCheckpointAction::Suspend => "Suspend Savepoint",
        PostCheckpointAction::Terminate => "Terminate Savepoint",
    });
    out.constant(&format!("{PACKAGE}.SavepointType$PostCheckpointAction"), action.name());
    out.0.into()
}

pub(super) fn checkpoint(sharing: SharingFilesStrategy, flags: [bool; 7]) -> Bytes {
    let mut out = Stream::properties(flags);
    out.object(&format!("{PACKAGE}.CheckpointType"), 0xD6DE_4F03_05AE_1D3A, 2);
    out.field("name", CODE_OF_STRING);
    let code = "Lorg/apache/flink/runtime/checkpoint/SnapshotType$SharingFilesStrategy;";
    out.field("sharingFilesStrategy", code);
    out.end_of_class();
    out.string(match sharing {
        SharingFilesStrategy::Forward => "Full Checkpoint",
        SharingFilesStrategy::ForwardBackward | SharingFilesStrategy::NoSharing => "Checkpoint",
    });
    out.first_constant(&format!("{PACKAGE}.SnapshotType$SharingFilesStrategy"), sharing.name());
    out.0.into()
}

/// Bytes of a stream. All texts are short constants of this crate.
struct Stream(Vec<u8>);

impl Stream {
    /// Begins the stream with everything up to the object of the snapshot's type.
    fn properties(flags: [bool; 7]) -> Self {
        let mut out = Stream(vec![0xAC, 0xED, 0, 5]);
        out.object(&format!("{PACKAGE}.CheckpointProperties"), 2, 8);
        for name in [
            "discardCancelled",
            "discardFailed",
            "discardFinished",
            "discardSubsumed",
            "discardSuspended",
            "forced",
            "unclaimed",
        ] {
            out.0.push(b'Z');
            out.text(name);
        }
        out.field("checkpointType", "Lorg/apache/flink/runtime/checkpoint/SnapshotType;");
        out.end_of_class();
        out.0.extend(flags.map(u8::from));
        out
    }

    fn object(&mut self, class: &str, suid: u64, fields: u16) {
        self.0.extend([0x73, 0x72]);
        self.text(class);
        self.0.extend(suid.to_be_bytes());
        self.0.push(0x02);
        self.0.extend(fields.to_be_bytes());
    }

    fn field(&mut self, name: &str, type_name: &str) {
        self.0.push(b'L');
        self.text(name);
        self.string(type_name);
    }

    /// No annotation, no superclass.
    fn end_of_class(&mut self) {
        self.0.extend([0x78, 0x70]);
    }

    fn first_constant(&mut self, class: &str, name: &str) {
        self.enum_class(class);
        self.0.push(0x72);
        self.text("java.lang.Enum");
        self.0.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0, 0]);
        self.end_of_class();
        self.string(name);
    }

    fn constant(&mut self, class: &str, name: &str) {
        self.enum_class(class);
        self.0.push(0x71);
        self.0.extend(SUPERCLASS_OF_ENUMS.to_be_bytes());
        self.string(name);
    }

    fn enum_class(&mut self, class: &str) {
        self.0.extend([0x7E, 0x72]);
        self.text(class);
        self.0.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0, 0, 0x78]);
    }

    fn string(&mut self, text: &str) {
        self.0.push(0x74);
        self.text(text);
    }

    fn text(&mut self, text: &str) {
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend(len.to_be_bytes());
        self.0.extend(text.bytes().take(len.into()));
    }
}
