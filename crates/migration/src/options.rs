//! What the caller of a plan chooses.

use crate::PlanError;

/// The choices of a migration.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// The image of the Jobs: it needs a shell and the programs of busybox.
    pub image: String,
    /// The directory of the volume that the ordinals' directories go below; empty for the volume's root.
    pub prefix: String,
    /// Entries of the volume's root that are not copied, e.g. `.snapshot`.
    pub excluded: Vec<String>,
    /// The only ordinal that gets the files; `None` gives each ordinal a copy.
    pub owner: Option<u64>,
    /// The number of replicas to migrate; `None` for that of the set.
    pub replicas: Option<u64>,
    /// The only volumes to migrate; empty for all that the replicas share.
    pub volumes: Vec<String>,
    /// Whether the Jobs run as the user of the set's pods instead of root.
    pub as_pod: bool,
    /// Flags that kubectl needs to reach the cluster, e.g. `--context=test`.
    pub kubectl: Vec<String>,
}

// === impl PlanOptions ===

impl PlanOptions {
    /// The image by default.
    pub const IMAGE: &str = "busybox:1.37";

    /// Checks the names that become part of the Jobs' script.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let prefix = self.prefix.split('/').filter(|_| !self.prefix.is_empty());
        for (flag, name) in
            prefix.map(|name| ("prefix", name)).chain(self.excluded.iter().map(|name| ("exclude", &**name)))
        {
            if !is_plain(name) {
                return Err(PlanError::UnusableName { flag, name: name.to_owned() });
            }
        }
        Ok(())
    }
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            image: Self::IMAGE.to_owned(),
            prefix: String::new(),
            excluded: Vec::new(),
            owner: None,
            replicas: None,
            volumes: Vec::new(),
            as_pod: false,
            kubectl: Vec::new(),
        }
    }
}

/// Returns whether the Jobs' script and `find` read a name as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+=@#,:~%".contains(c);
    !matches!(name, "" | "." | "..") && name.chars().all(is_plain)
}
