//! Python environments with pinned versions, and `fixtures`, which runs the recorders in them. Nothing that is built or
//! tested needs Python; only making fixtures, zoo and bench models anew does.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Args;
use crate::shell::{self, Result};

/// The Python that has wheels for every pinned version (tensorflow 2.15 ends at 3.11).
const PYTHON: &str = "python3.11";

/// Where the environments are.
pub(crate) struct Venvs {
    dir: PathBuf,
    keras2: Option<PathBuf>,
    keras3: Option<PathBuf>,
    torch: Option<PathBuf>,
}

impl Venvs {
    pub(crate) fn from_args(args: &mut Args) -> Result<Self> {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let dir = args.path("--venvs")?.unwrap_or_else(|| home.join(".cache/modelport-venvs"));
        Ok(Self { dir, keras2: args.path("--keras2")?, keras3: args.path("--keras3")?, torch: args.path("--torch")? })
    }

    /// The interpreter of the environment with Keras 2.15.
    pub(crate) fn keras2(&self) -> Result<PathBuf> {
        self.python("keras2", self.keras2.as_deref())
    }

    /// The interpreter of the environment with Keras 3, onnx and onnxruntime.
    pub(crate) fn keras3(&self) -> Result<PathBuf> {
        self.python("keras3", self.keras3.as_deref())
    }

    /// The interpreter of the environment with PyTorch.
    pub(crate) fn torch(&self) -> Result<PathBuf> {
        self.python("torch", self.torch.as_deref())
    }

    fn python(&self, name: &str, given: Option<&Path>) -> Result<PathBuf> {
        let dir = given.map_or_else(|| self.dir.join(name), Path::to_path_buf);
        let python = dir.join("bin/python");
        if python.exists() || given.is_some() {
            return if python.exists() { Ok(python) } else { Err(format!("{} is no venv", dir.display())) };
        }
        let requirements = shell::root().join(format!("xtask/python/requirements-{name}.txt"));
        let needs = format!(
            "making {} needs {PYTHON} with venv and pip, the Python package index, and about 2 GB of disk",
            dir.display()
        );
        shell::run(Command::new(PYTHON).args(["-m", "venv"]).arg(&dir)).map_err(|e| format!("{e}; {needs}"))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        if let Err(e) = shell::run(&mut pip) {
            // Half an environment would be taken for a whole one the next time.
            let _ = std::fs::remove_dir_all(&dir);
            return Err(format!("{e}; {needs}"));
        }
        Ok(python)
    }
}

/// A script of ours in one of the environments, started at the root of the repository.
pub(crate) fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(shell::root()).arg(Path::new("xtask/python").join(name));
    command
}

/// `fixtures`: the recorders write into `/fixtures`. Those of Keras leave a file as it was whose content would be the same.
pub(crate) fn fixtures(mut args: Args) -> Result<()> {
    let only = args.value("--only")?.unwrap_or_default();
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    for (set, python) in [("keras2", venvs.keras2()?), ("keras3", venvs.keras3()?)] {
        let mut recorder = script(&python, "fixtures.py");
        shell::run(recorder.args(["--python-set", set, "--out", "fixtures", "--only", &only]))?;
        let mut models = script(&python, "tf_models.py");
        shell::run(models.args(["--python-set", set, "--out", "fixtures", "--only", &only]))?;
    }
    for recorder in ["tf_ops.py", "tf_bad.py"] {
        shell::run(script(&venvs.keras3()?, recorder).args(["--out", "fixtures", "--only", &only]))?;
    }
    // torch_weights.py and torch_old_script.py are for other versions of torch, one at a time: they are run by hand.
    for recorder in ["torch_ops.py", "torch_script.py", "torch_models.py"] {
        shell::run(script(&venvs.torch()?, recorder).args(["--out", "fixtures", "--only", &only]))?;
    }
    Ok(())
}
