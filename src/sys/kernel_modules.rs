//! Modules of the running kernel: loaded, built in, or neither. Nothing is ever loaded here.

use std::fs;
use std::path::Path;

use nix::sys::utsname::uname;

use super::build_config::{build_option, options_of_module};

/// Returns true if a module is loaded or built in, as far as the kernel and its package say. The name is spelled as the
/// kernel does, with `_`.
pub fn is_present(module: &str) -> bool {
    // Loaded modules are there, and built-in ones with parameters (Linux `kernel/module/sysfs.c`, `kernel/params.c`).
    Path::new("/sys/module").join(module).is_dir()
        || is_in_list_of_built_in(module)
        || options_of_module(module)
            .iter()
            .any(|option| build_option(option).is_some_and(|value| value == "y"))
}

/// Reads `modules.builtin`, which is installed with the modules (kbuild/kbuild.rst).
fn is_in_list_of_built_in(module: &str) -> bool {
    let Ok(name) = uname() else {
        return false;
    };
    let file = Path::new("/lib/modules")
        .join(name.release())
        .join("modules.builtin");
    let Ok(list) = fs::read_to_string(file) else {
        return false;
    };
    let mut names = list
        .lines()
        .filter_map(|path| Path::new(path).file_stem()?.to_str());
    names.any(|name| name.replace('-', "_") == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_does_not_exist_is_not_present() {
        assert!(!is_present("no_such_module_of_any_kernel"));
    }
}
