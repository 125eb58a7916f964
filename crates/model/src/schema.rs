use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, Schema as ArrowSchema};

use crate::column::arrow_field;
use crate::{ElementType, LogicalType};

/// The time that a timer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeDomain {
    /// Event time: fires when the watermark reaches it.
    Event,
    /// Processing time: fires when the clock reaches it.
    Processing,
}

/// What kind of table a state is; it decides the key columns and the merge rule.
///
/// Spec: TABLE-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StateKind {
    /// One value per (key, namespace).
    Value,
    /// Elements in order per (key, namespace), one row each.
    List,
    /// One value per (key, namespace, map key).
    Map,
    /// One value per (key, namespace), folded by a reduce function.
    Reducing,
    /// One accumulator per (key, namespace).
    Aggregating,
    /// Timers of one service and domain: entries without a value.
    Timer(TimeDomain),
    /// Operator state split among subtasks at restore.
    OperatorList,
    /// Operator state given whole to every subtask at restore.
    OperatorUnion,
    /// A map that every subtask holds alike, written once per operator.
    Broadcast,
    /// Transactions of a sink that wait for their commit.
    PendingTransactions,
    /// Records between two operators, saved by an unaligned checkpoint.
    InFlight,
}

impl StateKind {
    /// Every kind, in the order of the specification.
    pub const ALL: [StateKind; 12] = [
        StateKind::Value,
        StateKind::List,
        StateKind::Map,
        StateKind::Reducing,
        StateKind::Aggregating,
        StateKind::Timer(TimeDomain::Event),
        StateKind::Timer(TimeDomain::Processing),
        StateKind::OperatorList,
        StateKind::OperatorUnion,
        StateKind::Broadcast,
        StateKind::PendingTransactions,
        StateKind::InFlight,
    ];

    /// Returns whether rows have a key group and a key.
    pub fn is_keyed(self) -> bool {
        use StateKind::*;
        matches!(self, Value | List | Map | Reducing | Aggregating | Timer(_))
    }

    /// Returns the word printed by `inspect`; both timer domains are `timer`.
    pub fn word(self) -> &'static str {
        match self {
            StateKind::Value => "value",
            StateKind::List => "list",
            StateKind::Map => "map",
            StateKind::Reducing => "reducing",
            StateKind::Aggregating => "aggregating",
            StateKind::Timer(_) => "timer",
            StateKind::OperatorList => "operator-list",
            StateKind::OperatorUnion => "operator-union",
            StateKind::Broadcast => "broadcast",
            StateKind::PendingTransactions => "pending-transactions",
            StateKind::InFlight => "in-flight",
        }
    }

    /// Returns the name written in manifests: as [`StateKind::word`], with the domain of a timer.
    pub fn name(self) -> &'static str {
        match self {
            StateKind::Timer(TimeDomain::Event) => "event-timer",
            StateKind::Timer(TimeDomain::Processing) => "processing-timer",
            other => other.word(),
        }
    }

    /// Returns the kind of a name written in manifests.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The part that a column plays in a row.
///
/// Spec: TABLE-3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Put, delete or clear; only in delta runs.
    Op,
    /// Key group of the key.
    KeyGroup,
    /// The key.
    Key,
    /// Original bytes of a key whose typed form does not encode back to them.
    KeyRaw,
    /// The namespace; absent for the void namespace.
    Namespace,
    /// Original bytes of a namespace.
    NamespaceRaw,
    /// Key of a map entry.
    MapKey,
    /// Original bytes of a map key.
    MapKeyRaw,
    /// Position of a list element.
    ListPos,
    /// Timestamp of a timer, in milliseconds.
    Timestamp,
    /// Subtask that wrote an element of operator state.
    Subtask,
    /// Position of an element within its subtask.
    Index,
    /// The value.
    Value,
    /// Original bytes of a value.
    ValueRaw,
    /// Time of last access in milliseconds; only with a time to live.
    LastAccess,
}

impl Role {
    /// Returns the column of original bytes beside a typed column.
    pub fn raw(self) -> Option<Role> {
        Some(match self {
            Role::Key => Role::KeyRaw,
            Role::Namespace => Role::NamespaceRaw,
            Role::MapKey => Role::MapKeyRaw,
            Role::Value => Role::ValueRaw,
            _ => return None,
        })
    }

    /// Returns the name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Role::Op => "op",
            Role::KeyGroup => "key_group",
            Role::Key => "key",
            Role::KeyRaw => "key_raw",
            Role::Namespace => "namespace",
            Role::NamespaceRaw => "namespace_raw",
            Role::MapKey => "map_key",
            Role::MapKeyRaw => "map_key_raw",
            Role::ListPos => "list_pos",
            Role::Timestamp => "timestamp",
            Role::Subtask => "subtask",
            Role::Index => "index",
            Role::Value => "value",
            Role::ValueRaw => "value_raw",
            Role::LastAccess => "last_access",
        }
    }
}

/// What one state is: its name, kind and types. Descriptors of a running job, schemas of a
/// snapshot and entries of a lock file are all this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSchema {
    /// Name within its operator.
    pub name: String,
    /// Kind of table.
    pub kind: StateKind,
    /// Type of the key; none for operator state.
    pub key: Option<LogicalType>,
    /// Type of the namespace; none for the void namespace.
    pub namespace: Option<LogicalType>,
    /// Type of a map's or broadcast state's key.
    pub map_key: Option<LogicalType>,
    /// Type of the value or of a list's element; none for timers.
    pub value: Option<ElementType>,
    /// Time to live in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Whether rows have a time of last access although their time to live is not known: so it is
    /// in the snapshots of an engine that keeps the one in its files and the other in the job.
    /// Nothing expires by it. False wherever [`StateSchema::ttl_ms`] is set.
    pub ttl_unknown: bool,
    /// Which of [`Role::KeyRaw`], [`Role::NamespaceRaw`], [`Role::MapKeyRaw`] and
    /// [`Role::ValueRaw`] the table has, ascending.
    pub raw: Vec<Role>,
    /// Largest field id ever given in this table; new fields get ids above it.
    pub field_id_max: u32,
}

impl StateSchema {
    /// Makes a schema of the given name and kind without any type.
    pub fn new(name: impl Into<String>, kind: StateKind) -> Self {
        StateSchema {
            name: name.into(),
            kind,
            key: None,
            namespace: None,
            map_key: None,
            value: None,
            ttl_ms: None,
            ttl_unknown: false,
            raw: Vec::new(),
            field_id_max: 0,
        }
    }

    /// Sets the key type.
    pub fn with_key(mut self, key: LogicalType) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the namespace type.
    pub fn with_namespace(mut self, namespace: LogicalType) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Sets the type of the map key.
    pub fn with_map_key(mut self, map_key: LogicalType) -> Self {
        self.map_key = Some(map_key);
        self
    }

    /// Sets the type of the value.
    pub fn with_value(mut self, value: ElementType) -> Self {
        self.value = Some(value);
        self
    }

    /// Sets the time to live.
    pub fn with_ttl_ms(mut self, ttl_ms: u64) -> Self {
        self.ttl_ms = Some(ttl_ms);
        self.ttl_unknown = false;
        self
    }

    /// Gives rows a time of last access, with a time to live that is not known.
    pub fn with_unknown_ttl(mut self) -> Self {
        self.ttl_ms = None;
        self.ttl_unknown = true;
        self
    }

    /// Gives the table the column of original bytes beside each typed one.
    pub fn with_all_raw(mut self) -> Self {
        self.raw.clear();
        self.raw.extend(self.kind.is_keyed().then_some(Role::KeyRaw));
        self.raw.extend(self.namespace.is_some().then_some(Role::NamespaceRaw));
        self.raw.extend(self.map_key.is_some().then_some(Role::MapKeyRaw));
        self.raw.extend(self.value.is_some().then_some(Role::ValueRaw));
        self
    }

    /// Returns whether rows have a time of last access.
    pub fn has_last_access(&self) -> bool {
        self.ttl_ms.is_some() || self.ttl_unknown
    }

    /// Returns the columns of a row in their fixed order, without the sort key.
    ///
    /// `deltas` adds the column `op`.
    pub fn roles(&self, deltas: bool) -> Vec<Role> {
        use StateKind as K;
        let mut roles = Vec::with_capacity(10);
        if deltas {
            roles.push(Role::Op);
        }
        if self.kind.is_keyed() {
            roles.extend([Role::KeyGroup, Role::Key]);
            self.push_raw(Role::KeyRaw, &mut roles);
        }
        if self.namespace.is_some() {
            roles.push(Role::Namespace);
            self.push_raw(Role::NamespaceRaw, &mut roles);
        }
        match self.kind {
            K::Map | K::Broadcast => {
                roles.push(Role::MapKey);
                self.push_raw(Role::MapKeyRaw, &mut roles);
            }
            K::List => roles.push(Role::ListPos),
            K::Timer(_) => roles.push(Role::Timestamp),
            K::OperatorList | K::OperatorUnion | K::PendingTransactions | K::InFlight => {
                roles.extend([Role::Subtask, Role::Index]);
            }
            K::Value | K::Reducing | K::Aggregating => {}
        }
        if self.value.is_some() {
            roles.push(Role::Value);
            self.push_raw(Role::ValueRaw, &mut roles);
        }
        if self.has_last_access() {
            roles.push(Role::LastAccess);
        }
        roles
    }

    fn push_raw(&self, role: Role, roles: &mut Vec<Role>) {
        if self.raw.contains(&role) {
            roles.push(role);
        }
    }

    /// Returns the Arrow schema of a row batch, without the sort key.
    ///
    /// Typed columns that have a raw one may be null where the row is opaque; in deltas the value
    /// and the entry columns are null for deletes and clears.
    ///
    /// Spec: TABLE-4.
    pub fn arrow_schema(&self, deltas: bool) -> Arc<ArrowSchema> {
        let fields = self.roles(deltas).into_iter().map(|role| self.arrow_field(role, deltas));
        Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
    }

    fn arrow_field(&self, role: Role, deltas: bool) -> ArrowField {
        let plain = |ty, nullable| ArrowField::new(role.name(), ty, nullable);
        let typed = |ty: &LogicalType, nullable| arrow_field(role.name(), ty, nullable);
        let opaque = |raw| self.raw.contains(&raw);
        match role {
            Role::Op => plain(DataType::UInt8, false),
            Role::KeyGroup => plain(DataType::UInt16, false),
            Role::Key => typed(self.key.as_ref().unwrap_or(&NO_TYPE), opaque(Role::KeyRaw)),
            Role::Namespace => typed(self.namespace.as_ref().unwrap_or(&NO_TYPE), opaque(Role::NamespaceRaw)),
            Role::MapKey => {
                typed(self.map_key.as_ref().unwrap_or(&NO_TYPE), deltas || opaque(Role::MapKeyRaw))
            }
            Role::KeyRaw | Role::NamespaceRaw | Role::MapKeyRaw | Role::ValueRaw => {
                plain(DataType::Binary, true)
            }
            Role::ListPos | Role::Timestamp => plain(DataType::Int64, deltas),
            Role::Subtask => plain(DataType::Int32, false),
            Role::Index => plain(DataType::Int64, false),
            Role::Value => match &self.value {
                Some(value) => typed(&value.ty, deltas || value.nullable || opaque(Role::ValueRaw)),
                None => plain(DataType::Null, true),
            },
            Role::LastAccess => plain(DataType::Int64, deltas),
        }
    }
}

static NO_TYPE: LogicalType = LogicalType::Bytes;
