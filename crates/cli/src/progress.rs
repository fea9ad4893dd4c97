//! Progress bars: on stderr, on a terminal only, for work that takes long enough to be seen.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use modelport::Stage;
use std::io::IsTerminal;

/// Files that are written faster than a bar can be drawn show none.
const WORTH_SHOWING: u64 = 32 << 20;

/// The progress of one conversion.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar that stays hidden where stderr is no terminal.
    pub(crate) fn new() -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self(ProgressBar::with_draw_target(None, target))
    }

    /// Shows a stage.
    pub(crate) fn show(&self, stage: Stage) {
        match stage {
            Stage::Reading | Stage::Rewriting => {}
            Stage::Writing(done, total) if total >= WORTH_SHOWING => {
                if self.0.length() != Some(total) {
                    self.0.set_style(bytes());
                    self.0.set_length(total);
                }
                self.0.set_position(done);
            }
            Stage::Writing(..) => {}
            Stage::Verifying => {
                self.0.finish_and_clear();
                self.0.reset();
                self.0.unset_length();
                self.0.set_style(ProgressStyle::default_spinner());
                self.0.set_message("comparing numbers");
                self.0.enable_steady_tick(std::time::Duration::from_millis(100));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bytes() -> ProgressStyle {
    ProgressStyle::with_template("writing {bar:40} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
