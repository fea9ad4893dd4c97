//! [`Machine`]: the state of an evaluation: heap, graph bodies being built, and how much work was done.
//!
//! Owns: bounds on work and memory, changes that are recorded to be undone. Must never know: syntax.

use super::frame::{Frame, Origin};
use super::program::Program;
use super::value::{Cell, Dict, Handle, Obj, Object, Ref, Value};
use modelport_diag::{Code, Diagnostic};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Units of work that one model may take; the largest zoo model takes under a tenth.
const MAX_WORK: u64 = 6_000_000;
/// Objects in the heap.
const MAX_HEAP: usize = 2_000_000;

/// Why evaluation stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The program raises an exception with this message.
    Raised(Rc<str>),
    /// It cannot be converted.
    Fail(Box<Diagnostic>),
}

impl From<Box<Diagnostic>> for Stop {
    fn from(d: Box<Diagnostic>) -> Self {
        Self::Fail(d)
    }
}

/// The result of an evaluation step.
pub(super) type Step<T> = std::result::Result<T, Stop>;

/// Something that the conversion has no form for.
pub(super) fn unsupported(message: impl Into<String>) -> Stop {
    Stop::Fail(Diagnostic::error(Code::TORCH_SCRIPT_UNSUPPORTED, message))
}

/// Code that torch cannot have written.
pub(super) fn damaged(message: impl Into<String>) -> Stop {
    Stop::Fail(Diagnostic::error(Code::TORCH_SCRIPT_CODE, message))
}

/// Changes since a point, to be undone: the contents that objects had.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) old: BTreeMap<Ref, Obj>,
    /// Objects from this one on are younger than the journal.
    pub(super) start: usize,
}

/// The state of an evaluation.
pub(super) struct Machine {
    pub(super) program: Program,
    pub(super) constants: Vec<Value>,
    heap: Vec<Obj>,
    pub(super) journals: Vec<Journal>,
    /// Graph bodies from the outermost to the one that is being built.
    pub(super) frames: Vec<Frame>,
    pub(super) frame_count: u32,
    pub(super) origins: Vec<Origin>,
    work: u64,
    /// Depth of evaluation: calls, blocks, expressions.
    pub(super) depth: usize,
    pub(super) calls: usize,
    /// The module whose method runs: its path.
    pub(super) path: Rc<str>,
    /// What the user is told, once each.
    pub(super) notes: BTreeSet<String>,
    /// The version of all operators in the archive.
    pub(super) op_version: i64,
    /// Types of inputs that an open dict gains, by input name.
    pub(super) inputs: super::inputs::InputTypes,
    /// The first call whose results have no type, and why.
    pub(super) untyped: Option<Box<Diagnostic>>,
    /// Counts writes in place: before the first, no view can be out of date.
    pub(super) writes: u64,
    /// Tensors for results of branches and loops, which several variables may share.
    pub(super) thawed: HashMap<super::value::Handle, Ref>,
    /// Memo of classes that are enums: members by qualified name.
    pub(super) enums: HashMap<Rc<str>, Value>,
}

impl Machine {
    pub(super) fn new(program: Program, op_version: i64) -> Self {
        Self {
            program,
            constants: Vec::new(),
            heap: Vec::new(),
            journals: Vec::new(),
            frames: Vec::new(),
            frame_count: 0,
            origins: Vec::new(),
            work: 0,
            depth: 0,
            calls: 0,
            path: "".into(),
            notes: BTreeSet::new(),
            op_version,
            inputs: super::inputs::InputTypes::default(),
            untyped: None,
            writes: 0,
            thawed: HashMap::new(),
            enums: HashMap::new(),
        }
    }

    /// Counts work.
    ///
    /// # Errors
    /// `IO0005` beyond the bound.
    pub(super) fn charge(&mut self, work: usize) -> Step<()> {
        self.work = self.work.saturating_add(work as u64);
        if self.work <= MAX_WORK {
            return Ok(());
        }
        Err(Stop::Fail(
            Diagnostic::error(Code::IO_LIMIT, "the archived code takes too long to evaluate")
                .help("a loop runs very often or never ends, or the file was made to exhaust its reader"),
        ))
    }

    /// Puts an object into the heap.
    ///
    /// # Errors
    /// `IO0005` when there are too many.
    pub(super) fn alloc(&mut self, obj: Obj) -> Step<Ref> {
        self.charge(1)?;
        if self.heap.len() >= MAX_HEAP {
            return Err(Stop::Fail(Diagnostic::error(Code::IO_LIMIT, "the archived code makes too many objects")));
        }
        self.heap.push(obj);
        Ok(Ref(self.heap.len() as u32 - 1))
    }

    pub(super) fn obj(&self, r: Ref) -> &Obj {
        // References come from `alloc` alone, and objects are never freed.
        &self.heap[r.0 as usize]
    }

    /// An object to be changed; how it was is kept while a branch is evaluated.
    pub(super) fn obj_mut(&mut self, r: Ref) -> &mut Obj {
        for journal in &mut self.journals {
            if (r.0 as usize) < journal.start {
                journal.old.entry(r).or_insert_with(|| self.heap[r.0 as usize].clone());
            }
        }
        &mut self.heap[r.0 as usize]
    }

    /// Starts to record changes.
    pub(super) fn begin_journal(&mut self) {
        let start = self.heap.len();
        self.journals.push(Journal { old: BTreeMap::new(), start });
    }

    /// Stops recording, without undoing.
    pub(super) fn end_journal(&mut self) -> Journal {
        self.journals.pop().unwrap_or_default()
    }

    /// Undoes what was recorded.
    pub(super) fn undo(&mut self, journal: &Journal) {
        for (r, old) in &journal.old {
            self.heap[r.0 as usize] = old.clone();
        }
    }

    /// Tells the user something, once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < 50 {
            self.notes.insert(note.into());
        }
    }

    // ---- objects by kind

    pub(super) fn cell(&self, r: Ref) -> Step<&Cell> {
        match self.obj(r) {
            Obj::Tensor(c) => Ok(c),
            _ => Err(damaged("a tensor was expected")),
        }
    }

    pub(super) fn cell_mut(&mut self, r: Ref) -> Step<&mut Cell> {
        match self.obj_mut(r) {
            Obj::Tensor(c) => Ok(c),
            _ => Err(damaged("a tensor was expected")),
        }
    }

    pub(super) fn list(&self, r: Ref) -> &[Value] {
        match self.obj(r) {
            Obj::List(l) | Obj::Tuple(l, _) => l,
            _ => &[],
        }
    }

    pub(super) fn list_mut(&mut self, r: Ref) -> Step<&mut Vec<Value>> {
        match self.obj_mut(r) {
            Obj::List(l) => Ok(l),
            _ => Err(damaged("a list was expected")),
        }
    }

    pub(super) fn dict(&self, r: Ref) -> Step<&Dict> {
        match self.obj(r) {
            Obj::Dict(d) => Ok(d),
            _ => Err(damaged("a dict was expected")),
        }
    }

    pub(super) fn dict_mut(&mut self, r: Ref) -> Step<&mut Dict> {
        match self.obj_mut(r) {
            Obj::Dict(d) => Ok(d),
            _ => Err(damaged("a dict was expected")),
        }
    }

    pub(super) fn object(&self, r: Ref) -> Step<&Object> {
        match self.obj(r) {
            Obj::Object(o) => Ok(o),
            _ => Err(damaged("an object was expected")),
        }
    }

    pub(super) fn object_mut(&mut self, r: Ref) -> Step<&mut Object> {
        match self.obj_mut(r) {
            Obj::Object(o) => Ok(o),
            _ => Err(damaged("an object was expected")),
        }
    }

    /// A new list.
    pub(super) fn new_list(&mut self, items: Vec<Value>) -> Step<Value> {
        self.charge(items.len())?;
        Ok(Value::List(self.alloc(Obj::List(items))?))
    }

    /// A new tuple.
    pub(super) fn new_tuple(&mut self, items: Vec<Value>) -> Step<Value> {
        self.charge(items.len())?;
        Ok(Value::Tuple(self.alloc(Obj::Tuple(items, None))?))
    }

    /// A new tensor that is no view.
    pub(super) fn new_tensor(&mut self, value: Handle) -> Step<Value> {
        let cell = Cell { value, changes: 0, dense: true, view: None, seen: 0 };
        Ok(Value::Tensor(self.alloc(Obj::Tensor(cell))?))
    }

    /// The elements of a list or tuple.
    pub(super) fn items(&self, v: &Value) -> Step<Vec<Value>> {
        match v {
            Value::List(r) | Value::Tuple(r) => Ok(self.list(*r).to_vec()),
            _ => Err(damaged(format!("a list was expected, not {}", v.type_name()))),
        }
    }
}

/// Whether an op is the reason, whatever types it is given.
pub(super) fn no_lowering(why: &Diagnostic) -> bool {
    matches!(why.code, Code::TORCH_UNKNOWN_OP | Code::TORCH_UNSUPPORTED)
}

impl Stop {
    /// Says how a user can give the types of inputs.
    pub(super) fn help_types(self) -> Self {
        match self {
            Self::Fail(d) => Self::Fail(d.help("give the types of the inputs: --input-type NAME=f32[1,3,224,224]")),
            raised => raised,
        }
    }
}

impl Machine {
    /// Something must be known that is not: the first reason why types are not known is told.
    pub(super) fn no_type(&mut self, what: &str) -> Stop {
        let d = Diagnostic::error(
            Code::TORCH_SCRIPT_TYPE,
            format!("the archived code asks for {what}, which is not known when the model is converted"),
        );
        let d = match self.untyped.take() {
            Some(why) if no_lowering(&why) => return Stop::Fail(why),
            Some(why) => {
                let at = why.location.node.clone().map_or_else(String::new, |n| format!(" (`{n}`)"));
                d.found(format!("{}{at}", why.message))
            }
            None => d,
        };
        Self::stop(d)
    }

    fn stop(d: Box<Diagnostic>) -> Stop {
        Stop::Fail(d).help_types()
    }

    pub(super) fn heap_len(&self) -> usize {
        self.heap.len()
    }
}
