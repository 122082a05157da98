//! Makes cargo compile the crate again when a template is added: the macro that embeds them only follows those that it found.

fn main() {
    for directory in ["../../policy/templates", "../../policy/sdk", "../../wit"] {
        println!("cargo::rerun-if-changed={directory}");
    }
}
