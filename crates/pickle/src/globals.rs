//! What a pickle names: classes and functions that loading it in Python would import, and some of them call.
//!
//! Owns: the judgement on names. Must never know: what a name stands for.

use std::fmt;

/// What a name says about the pickle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trust {
    /// Plain data of Python's own: `collections.OrderedDict`, `builtins.set`.
    Harmless,
    /// Of a framework that writes such files: `torch.…`, `numpy.…`.
    Known,
    /// Anything else, such as a user's own class.
    Unknown,
    /// Runs commands or code, or reaches what does: `os.system`, `builtins.eval`.
    Suspicious,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Harmless => "harmless",
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::Suspicious => "suspicious",
        })
    }
}

/// A class or function that a pickle names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalRef {
    /// The module, as it stands in the file: `__builtin__` in files of Python 2.
    pub module: Box<str>,
    /// The name in it, dotted where the class is inside of another.
    pub name: Box<str>,
    /// What that says.
    pub trust: Trust,
    /// The byte where it is named first.
    pub at: usize,
    /// Whether loading the pickle in Python would call it.
    pub called: bool,
}

impl fmt::Display for GlobalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// Modules none of which has a place in saved data: processes, code, files, network, interpreters.
const SUSPICIOUS: &str = " os posix nt posixpath ntpath subprocess pty commands popen2 sys runpy importlib imp pkgutil \
    shutil socket ssl ctypes _ctypes code codeop cProfile profile pdb bdb timeit trace doctest webbrowser http urllib \
    urllib2 httplib ftplib smtplib telnetlib asyncio multiprocessing threading _thread signal pip ensurepip venv \
    distutils setuptools inspect gc marshal shelve sqlite3 platform uuid tempfile pathlib glob fileinput linecache \
    builtins.eval builtins.exec builtins.compile builtins.open builtins.getattr builtins.setattr builtins.delattr \
    builtins.__import__ builtins.globals builtins.locals builtins.vars builtins.input builtins.breakpoint builtins.map \
    builtins.filter builtins.apply builtins.execfile builtins.file builtins.raw_input builtins.reload builtins.memoryview \
    operator.attrgetter operator.methodcaller operator.itemgetter functools.partial functools.reduce types.CodeType \
    types.FunctionType types.MethodType types.LambdaType pickle.loads pickle.load _pickle.loads _pickle.load \
    cPickle.loads cPickle.load dill.loads dill._dill._create_code dill._dill._create_function dill._dill._import_module \
    cloudpickle.loads joblib.load torch.load torch.hub.load torch.serialization.load torch.jit.load \
    torch.jit._script.unsupported torch._inductor torch.utils.cpp_extension torch.utils.collect_env \
    torch.fx.graph_module._forward_from_src torch.storage._load_from_bytes numpy.load numpy.testing \
    numpy.f2py numpy.distutils pandas.eval pandas.read_pickle ";

/// Plain data and its helpers.
const HARMLESS: &str = " collections.OrderedDict collections.defaultdict collections.Counter collections.deque \
    builtins.set builtins.frozenset builtins.list builtins.dict builtins.tuple builtins.bytes builtins.bytearray \
    builtins.complex builtins.int builtins.float builtins.bool builtins.str builtins.object builtins.slice \
    builtins.range builtins.unicode builtins.long builtins.xrange builtins.type copyreg._reconstructor \
    copyreg.__newobj__ _codecs.encode datetime.datetime datetime.date datetime.timedelta datetime.timezone \
    decimal.Decimal fractions.Fraction argparse.Namespace types.SimpleNamespace _collections.OrderedDict ";

/// Frameworks whose classes stand in saved models.
const KNOWN: &str = " torch torchvision torchaudio torchtext numpy pytorch_lightning lightning lightning_fabric timm \
    transformers sklearn scipy pandas joblib omegaconf ";

/// What `module.name` says. Python 2's names of modules are taken for today's.
pub fn classify(module: &str, name: &str) -> Trust {
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        m => m,
    };
    let full = format!("{module}.{name}");
    // `os.system` is in the list because `os` is, whatever the function; dotted names reach further.
    let prefixes = |list: &str| {
        full.match_indices('.').map(|(at, _)| at).chain([full.len()]).any(|at| has(list, full.get(..at).unwrap_or("")))
    };
    if prefixes(SUSPICIOUS) {
        return Trust::Suspicious;
    }
    if has(HARMLESS, &full) {
        return Trust::Harmless;
    }
    let top = full.split('.').next().unwrap_or("");
    if has(KNOWN, top) { Trust::Known } else { Trust::Unknown }
}

fn has(list: &str, word: &str) -> bool {
    !word.is_empty() && !word.contains(' ') && list.contains(&format!(" {word} "))
}

#[cfg(test)]
mod tests {
    use super::{Trust, classify};

    #[test]
    fn names_are_judged() {
        for (module, name, trust) in [
            ("os", "system", Trust::Suspicious),
            ("posix", "system", Trust::Suspicious),
            ("__builtin__", "eval", Trust::Suspicious),
            ("builtins", "getattr", Trust::Suspicious),
            ("builtins", "getattr.__call__", Trust::Suspicious),
            ("os.path", "join", Trust::Suspicious),
            ("torch.hub", "load", Trust::Suspicious),
            ("collections", "OrderedDict", Trust::Harmless),
            ("copy_reg", "_reconstructor", Trust::Harmless),
            ("torch._utils", "_rebuild_tensor_v2", Trust::Known),
            ("numpy.core.multiarray", "scalar", Trust::Known),
            ("osmium", "system", Trust::Unknown),
            ("__main__", "Net", Trust::Unknown),
            ("", "", Trust::Unknown),
            ("a b", " ", Trust::Unknown),
        ] {
            assert_eq!(classify(module, name), trust, "{module}.{name}");
        }
    }
}
