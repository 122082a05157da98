//! The objects in the tree of a text, in the order in which `ordinance_manifests::read` returns them.

use crate::tree::{Id, SyntaxTree};
use ordinance_manifests::is_list_kind;

/// An object in a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectNode {
    pub(crate) document: usize,
    pub(crate) node: Id,
}

/// Returns all objects; an element of a `List` is an object, the list is not.
pub(crate) fn objects(tree: &SyntaxTree<'_>) -> Vec<ObjectNode> {
    let mut objects = Vec::new();
    for (document, root) in tree.roots.iter().enumerate() {
        if !tree.node(*root).is_null() {
            flatten(tree, ObjectNode { document, node: *root }, &mut objects);
        }
    }
    objects
}

fn flatten(tree: &SyntaxTree<'_>, object: ObjectNode, objects: &mut Vec<ObjectNode>) {
    let node = tree.target(object.node);
    let kind = tree.member(node, "kind").and_then(|kind| tree.scalar(kind));
    let items = tree.member(node, "items").map(|items| tree.target(items));
    match items.filter(|items| kind.is_some_and(is_list_kind) && tree.node(*items).is_sequence()) {
        Some(items) => {
            for item in tree.items(items) {
                flatten(tree, ObjectNode { node: *item, ..object }, objects);
            }
        }
        None => objects.push(object),
    }
}
