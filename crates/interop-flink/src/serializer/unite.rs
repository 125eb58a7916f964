//! Making the serializers of one state agree across subtasks.

use super::{Codec, Serializer};

impl Serializer {
    /// Adds the subclasses of POJOs that `other` knows, wherever both describe the same class.
    ///
    /// Every subtask's snapshot lists the subclasses that its own serializer had met, so that the types
    /// of one state differ between subtasks. To make them one: unite a copy of the first serializer with
    /// every other one, then every serializer with that copy. Afterwards they have the same type, and
    /// each reads subclasses that only another subtask described.
    pub fn unite(&mut self, other: &Serializer) {
        self.codec_mut().unite(other.codec());
    }

    /// Returns the serializer as one of keys: the kind of a row is no field of its type, since keys have
    /// none; a row of another kind than insert keeps its bytes.
    pub fn for_key(mut self) -> Serializer {
        match self.codec_mut() {
            Codec::Row(row) => row.shows_kind = false,
            Codec::BinaryRow(row) => row.shows_kind = false,
            Codec::Same(inner) => **inner = inner.as_ref().clone().for_key(),
            _ => {}
        }
        self
    }
}

impl Codec {
    fn unite(&mut self, other: &Codec) {
        match (self, other) {
            (Codec::Pojo(mine), Codec::Pojo(theirs)) => mine.unite(theirs),
            (Codec::List(mine), Codec::List(theirs))
            | (Codec::Ttl(mine), Codec::Ttl(theirs))
            | (Codec::StreamElement(mine), Codec::StreamElement(theirs))
            | (Codec::Same(mine), Codec::Same(theirs)) => mine.unite(theirs),
            (Codec::Marked(mine), Codec::Marked(theirs)) => mine.element.unite(&theirs.element),
            (Codec::Masked(mine), Codec::Masked(theirs)) => mine.element.unite(&theirs.element),
            (Codec::Optional(mine), Codec::Optional(theirs)) => mine.value.unite(&theirs.value),
            (Codec::Map(mine), Codec::Map(theirs)) => {
                mine.key.unite(&theirs.key);
                mine.value.unite(&theirs.value);
            }
            (Codec::Either(mine), Codec::Either(theirs)) => {
                mine.left.unite(&theirs.left);
                mine.right.unite(&theirs.right);
            }
            (Codec::Timer(mine), Codec::Timer(theirs)) => {
                mine.key.unite(&theirs.key);
                mine.namespace.unite(&theirs.namespace);
            }
            (Codec::TwoPhaseCommit(mine), Codec::TwoPhaseCommit(theirs)) => {
                mine.transaction.unite(&theirs.transaction);
                mine.context.unite(&theirs.context);
            }
            (Codec::Fields(mine), Codec::Fields(theirs)) => unite_all(mine.parts_mut(), theirs.parts()),
            (Codec::Row(mine), Codec::Row(theirs)) => unite_all(&mut mine.fields, &theirs.fields),
            _ => {}
        }
    }
}

fn unite_all(mine: &mut [Serializer], theirs: &[Serializer]) {
    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.unite(theirs));
}
