//! The advice on a line in one or two words.

use crate::compare::Conclusion;
use crate::sysctls::About;

/// The advice on a line in one or two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The effect that was measured.
    Did(Conclusion),
    /// Better for some and worse for others, as measured.
    Trade,
    /// No such key, no value, or a value that the kernel refuses or changes.
    CannotApply,
    /// Cannot apply, but its `-` says that failure does not matter.
    Ignored,
    /// Another line sets the key.
    Overridden,
    /// Excludes keys from patterns.
    Excludes,
    /// A pattern without keys: none matches, or other lines set them all.
    MatchesNothing,
    /// Applies to the whole kernel, so it was not tried.
    HostWide,
    /// The reference has the value.
    AlreadySo,
    /// Not measured; the subject of the key says what it is for.
    Subject(About),
    /// Can be set, but no scenario that was run shows its effect.
    NotMeasured,
    /// The host may take it, but it cannot be tried without the host.
    NotTried,
    /// Belongs to another subsystem than those that were asked about.
    OutOfScope,
    /// Can be set, but the scenarios that show its effect were not run.
    NotRun,
    /// Can be set, but the scenarios end before it has an effect.
    NotShown,
    /// Can be set, but needs a larger load than the lab makes.
    NotReached,
}

impl Ruling {
    /// Returns the words for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Did(answer) => answer.as_str(),
            Self::CannotApply => "cannot apply",
            Self::Ignored => "is ignored",
            Self::Overridden => "overridden",
            Self::Excludes => "keeps out",
            Self::MatchesNothing => "matches nothing",
            Self::HostWide => "host-wide",
            Self::AlreadySo => "already so",
            Self::Subject(About::Security) => "security",
            Self::Subject(About::Role) => "role of the host",
            Self::Subject(About::Log) => "logging",
            Self::Subject(About::Ipv6) => "IPv6 setup",
            Self::Subject(About::Obsolete) => "obsolete",
            Self::Subject(About::Speed | About::Limits | About::Memory) | Self::NotMeasured => {
                "not measured"
            }
            Self::NotTried => "not tried",
            Self::OutOfScope => "not ruled",
            Self::NotRun => "not run",
            Self::NotShown => "not shown",
            Self::NotReached => "not reached",
            Self::Trade => "trade",
        }
    }

    /// Returns true if the line should not be in a tuning file.
    pub fn is_bad(self) -> bool {
        match self {
            Self::Did(answer) => hurts(answer),
            Self::CannotApply => true,
            Self::Ignored
            | Self::Overridden
            | Self::Excludes
            | Self::MatchesNothing
            | Self::HostWide
            | Self::AlreadySo
            | Self::Subject(_)
            | Self::NotMeasured
            | Self::NotTried
            | Self::OutOfScope
            | Self::NotRun
            | Self::NotShown
            | Self::NotReached
            | Self::Trade => false,
        }
    }
}

pub(super) fn hurts(answer: Conclusion) -> bool {
    matches!(answer, Conclusion::Hurts)
}
