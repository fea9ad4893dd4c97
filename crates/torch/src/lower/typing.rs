//! [`Typing`]: types of a source graph's values while it is being built.

use super::alias::Memory;
use super::call::Operand;
use super::driver::{State, Walk};
use modelport_ir::{Builder, CustomLayers, Def, SourceGraph, ValueId};

/// Types of a source graph's values while it is being built.
#[derive(Debug, Default)]
pub(crate) struct Typing {
    builder: Option<Builder>,
    state: State,
    slots: Vec<Option<Operand>>,
    memory: Memory,
    nodes: usize,
}

impl Typing {
    /// The value in the core graph as far as it is built; everything that came since the last call is lowered first.
    pub(crate) fn value(&mut self, graph: &SourceGraph, value: ValueId) -> Option<(&Builder, Operand)> {
        let mut b = self.builder.take().unwrap_or_else(|| Builder::new(""));
        let custom = CustomLayers::default();
        let known = self.slots.len();
        let mut walk = Walk::new(&custom, &mut self.state, 0);
        walk.slots = std::mem::take(&mut self.slots);
        walk.memory = std::mem::take(&mut self.memory);
        walk.constants(&mut b, graph, known);
        for (id, v) in graph.values().skip(known) {
            if let (Def::Input, Some(ty)) = (&v.def, &v.ty) {
                let input = Operand::input(&mut b, &v.name, ty.clone());
                walk.set(id.0 as usize, Some(input));
            }
        }
        for index in self.nodes..graph.nodes().len() {
            walk.node(&mut b, graph, index);
        }
        let read = walk.read(&mut b, graph, value.0 as usize).ok().flatten();
        (self.slots, self.memory) = (walk.slots, walk.memory);
        self.nodes = graph.nodes().len();
        let b = self.builder.insert(b);
        read.map(|o| (&*b, o))
    }
}
