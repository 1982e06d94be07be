//! Each shipped scenario is a trial, but for those tagged `slow`.

use libtest_mimic::{Failed, Trial};

use crate::program::{command, told};

pub(crate) fn trials() -> Vec<Trial> {
    nslab::suite::shipped()
        .into_iter()
        .filter(|source| {
            let scenario = nslab::scenario::parse(
                &source.label,
                &source.text,
                &std::collections::BTreeMap::new(),
            )
            .unwrap();
            !scenario.tags.iter().any(|tag| tag == "slow")
        })
        .map(|source| Trial::test(source.label.clone(), move || holds(&source.label)))
        .collect()
}

fn holds(label: &str) -> Result<(), Failed> {
    let output = command().args(["run", "--no-progress", label]).output()?;
    if output.status.code() == Some(0) {
        Ok(())
    } else {
        Err(told(&output).into())
    }
}
