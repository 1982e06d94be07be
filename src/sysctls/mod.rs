//! Settings of the kernel that are known by name, without asking a kernel: their form, default, scope and
//! history.
//!
//! The data is `catalogue.tsv`, one setting per line with its source. `check` uses it to distinguish a misspelt key
//! from an old or new one and to explain a value of the wrong form; `advise` uses it for defaults and for keys
//! whose effect is not measured. Not here: what the running kernel has, which `lab` looks up.

mod catalogue;
mod defaults;
mod form;
mod renamed;
mod spelling;
mod version;

pub use catalogue::{About, Fate, Setting, SettingScope, all, find};
pub use defaults::{Machine, default};
pub use form::{Form, FormError};
pub use renamed::{RenamedSetting, renamed};
pub use spelling::suggestion;
pub use version::{KernelVersion, VersionError};
