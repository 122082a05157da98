//! The languages and kinds of the templates.

/// A programming language of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// C, with bindings and a few functions.
    C,
    /// JavaScript, with componentize-js.
    JavaScript,
}

/// What a template shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A rule with a setting.
    Validate,
    /// A default that the policy adds.
    Mutate,
    /// Something that only one object may have: keys and holdings.
    Unique,
}

// === impl Language ===

impl Language {
    /// Returns the language's folder of templates.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::JavaScript => "js",
        }
    }

    /// Returns the path of the source, and the extension of its template.
    pub(crate) const fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => ("src/lib.rs", "rs"),
            Self::C => ("policy.c", "c"),
            Self::JavaScript => ("policy.js", "js"),
        }
    }

    /// The language's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::JavaScript => "JavaScript",
        }
    }
}

// === impl PolicyKind ===

impl PolicyKind {
    /// The kind in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Mutate => "mutate",
            Self::Unique => "unique",
        }
    }

    /// Returns the word in the path of the webhook that the review of this kind is for.
    pub const fn phase(self) -> &'static str {
        match self {
            Self::Validate | Self::Unique => "validate",
            Self::Mutate => "mutate",
        }
    }

    /// Returns the arguments of `ordinance review` that try a policy of this kind.
    pub const fn review_arguments(self) -> &'static str {
        match self {
            Self::Validate => "--phase validate review.json",
            Self::Mutate => "review.json",
            Self::Unique => "--phase validate --state cluster.yaml review.json",
        }
    }
}
