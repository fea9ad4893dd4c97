//! The archived code as a whole: which file defines which class or function.
//!
//! Owns: qualified names (`__torch__.torch.nn.modules.conv.___torch_mangle_0.Conv2d` is class `Conv2d` of
//! `code/__torch__/torch/nn/modules/conv/___torch_mangle_0.py`), parsed on demand. Must never know: what code does.

use super::ast::{Class, Expr, ExprKind, Func, Stmt, StmtKind};
use super::parse::parse;
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// What kind of type a class statement makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassKind {
    Module,
    Object,
    NamedTuple,
    Enum,
    Interface,
}

/// An attribute of a class: its type, and its value where the class gives one (constants, members of enums).
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Rc<str>,
    pub(super) ty: Option<Expr>,
    pub(super) value: Option<Expr>,
}

/// A class as far as evaluation needs it.
#[derive(Clone, Debug)]
pub(super) struct ClassInfo {
    pub(super) qualified: Rc<str>,
    pub(super) kind: ClassKind,
    pub(super) fields: Vec<Field>,
    pub(super) methods: HashMap<Rc<str>, Rc<Func>>,
    /// Names of parameters and buffers, where the file lists both: torch before 1.6 lists parameters alone.
    pub(super) state: Option<Vec<Rc<str>>>,
}

/// One file of code.
#[derive(Clone, Debug, Default)]
pub(super) struct Unit {
    pub(super) file: String,
    pub(super) classes: HashMap<Rc<str>, Rc<ClassInfo>>,
    pub(super) functions: HashMap<Rc<str>, Rc<Func>>,
    /// `op_version_set = 1` of files before torch 1.3.
    pub(super) op_version: Option<i64>,
}

/// A function or class that a qualified name stands for.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Class(Rc<ClassInfo>),
    Function(Rc<Func>, Rc<str>),
}

/// All files of code by the dotted name of their module.
#[derive(Debug, Default)]
pub(super) struct Program {
    sources: BTreeMap<String, (String, String)>,
    units: HashMap<String, Rc<Unit>>,
}

impl Program {
    /// Takes in a file of code: the dotted name of its module, the member's name, its text.
    pub(super) fn add(&mut self, module: String, file: String, text: String) {
        self.sources.insert(module, (file, text));
    }

    /// Takes in a file of methods as the class `qualified`, which is a module of files before torch 1.3.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub(super) fn add_module(&mut self, qualified: &str, file: &str, text: &str) -> Result<()> {
        let (module, name) = qualified.rsplit_once('.').unwrap_or(("__torch__", qualified));
        let mut unit = unit_of(module, file, text).map_err(|d| d.in_file(file))?;
        let info = ClassInfo {
            qualified: qualified.into(),
            kind: ClassKind::Module,
            fields: Vec::new(),
            methods: std::mem::take(&mut unit.functions),
            state: None,
        };
        let unit = Rc::make_mut(self.units.entry(module.to_owned()).or_default());
        unit.file = file.to_owned();
        unit.classes.insert(name.into(), Rc::new(info));
        Ok(())
    }

    /// A file of code, parsed; `None` when there is none for this module.
    pub(super) fn unit(&mut self, module: &str) -> Result<Option<Rc<Unit>>> {
        if let Some(unit) = self.units.get(module) {
            return Ok(Some(unit.clone()));
        }
        let Some((file, text)) = self.sources.get(module) else { return Ok(None) };
        let unit = Rc::new(unit_of(module, file, text).map_err(|d| d.in_file(file.clone()))?);
        self.units.insert(module.to_owned(), unit.clone());
        Ok(Some(unit))
    }

    /// What a qualified name stands for.
    pub(super) fn find(&mut self, qualified: &str) -> Result<Option<Item>> {
        let Some((module, name)) = qualified.rsplit_once('.') else { return Ok(None) };
        let Some(unit) = self.unit(module)? else { return Ok(None) };
        if let Some(class) = unit.classes.get(name) {
            return Ok(Some(Item::Class(class.clone())));
        }
        Ok(unit.functions.get(name).map(|f| Item::Function(f.clone(), unit.file.as_str().into())))
    }

    /// The file that defines a class or function.
    pub(super) fn file_of(&self, qualified: &str) -> Option<String> {
        let (module, _) = qualified.rsplit_once('.')?;
        self.sources.get(module).map(|(file, _)| file.clone())
    }

    /// The class with this name.
    ///
    /// # Errors
    /// `TO0301` when there is none; classes of C++ (`__torch__.torch.classes`) never have code.
    pub(super) fn class(&mut self, qualified: &str) -> Result<Rc<ClassInfo>> {
        match self.find(qualified)? {
            Some(Item::Class(class)) => Ok(class),
            _ if qualified.starts_with("__torch__.torch.classes.") => Err(Diagnostic::error(
                Code::TORCH_SCRIPT_UNSUPPORTED,
                format!("`{qualified}` is a class of C++, whose state is opaque"),
            )
            .help("packed parameters of quantized or mobile models cannot be converted; save the float model")),
            _ => Err(Diagnostic::error(
                Code::TORCH_SCRIPT_CODE,
                format!("the archive has no code for the class `{qualified}`"),
            )),
        }
    }
}

fn unit_of(module: &str, file: &str, text: &str) -> Result<Unit> {
    let mut unit = Unit { file: file.to_owned(), ..Unit::default() };
    for stmt in parse(text)? {
        match stmt.kind {
            StmtKind::Def(f) => {
                unit.functions.insert(f.name.clone(), f);
            }
            StmtKind::Class(c) => {
                let info = class_of(module, &c);
                unit.classes.insert(c.name.clone(), Rc::new(info));
            }
            StmtKind::Assign(Expr { kind: ExprKind::Name(n), .. }, _, Expr { kind: ExprKind::Int(v), .. })
                if &*n == "op_version_set" =>
            {
                unit.op_version = Some(v);
            }
            _ => {}
        }
    }
    Ok(unit)
}

fn class_of(module: &str, class: &Class) -> ClassInfo {
    let base = class.bases.first().and_then(Expr::dotted).unwrap_or_default();
    let kind = match base.as_str() {
        "Module" => ClassKind::Module,
        "NamedTuple" => ClassKind::NamedTuple,
        "Enum" => ClassKind::Enum,
        "Interface" | "ModuleInterface" => ClassKind::Interface,
        _ => ClassKind::Object,
    };
    let mut info = ClassInfo {
        qualified: format!("{module}.{}", class.name).into(),
        kind,
        fields: Vec::new(),
        methods: HashMap::new(),
        state: None,
    };
    for stmt in &class.body {
        member(&mut info, stmt);
    }
    // Until 1.5 only parameters are listed, and a buffer is a tensor like any other.
    if let Some(buffers) = listed(class, "__buffers__") {
        info.state = Some(listed(class, "__parameters__").into_iter().flatten().chain(buffers).collect());
    }
    info
}

/// The strings of the list that is assigned to `name`.
fn listed(class: &Class, name: &str) -> Option<Vec<Rc<str>>> {
    let text = |e: &Expr| if let ExprKind::Str(s) = &e.kind { Some(s.clone()) } else { None };
    class.body.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Assign(Expr { kind: ExprKind::Name(n), .. }, _, Expr { kind: ExprKind::List(all), .. })
            if &**n == name =>
        {
            Some(all.iter().filter_map(text).collect())
        }
        _ => None,
    })
}

fn member(info: &mut ClassInfo, stmt: &Stmt) {
    let field = |name: &Rc<str>, ty: Option<&Expr>, value: Option<&Expr>| Field {
        name: name.clone(),
        ty: ty.cloned(),
        value: value.cloned(),
    };
    match &stmt.kind {
        StmtKind::Def(f) => {
            info.methods.insert(f.name.clone(), f.clone());
        }
        StmtKind::Annotate(Expr { kind: ExprKind::Name(n), .. }, ty) => info.fields.push(field(n, Some(ty), None)),
        StmtKind::Assign(Expr { kind: ExprKind::Name(n), .. }, ty, value) if !n.starts_with("__") => {
            info.fields.push(field(n, ty.as_ref(), Some(value)));
        }
        // `__annotations__["0"] = Type`
        StmtKind::Assign(Expr { kind: ExprKind::Index(_, key), .. }, None, ty) => {
            if let ExprKind::Str(n) = &key.kind {
                info.fields.push(field(n, Some(ty), None));
            }
        }
        _ => {}
    }
}
