//! Logical nodes against their types; control models.

use bridge_diag::Span;

use super::{Budget, values};
use crate::cdc::{common_data_class, common_data_classes};
use crate::control::{Control, CtlModel};
use crate::document::{LogicalNode, Member};
use crate::expand::DataObject;
use crate::model::{Model, NodeRef};
use crate::problems::Problems;
use crate::reference::without_indices;

/// Steps that looking at one control takes.
const CONTROL_STEPS: usize = 100;

pub(super) fn check(model: &Model, problems: &mut Problems, budget: &mut Budget) {
    classes(model, problems);
    let clients = model.scl.ieds.iter().flat_map(|ied| &ied.access_points).flat_map(|point| &point.clients);
    for node in clients {
        kind(model, node, problems);
    }
    for node in model.nodes() {
        kind(model, node.node, problems);
        instances(model, node, problems, budget);
        if let Some(expansion) = node.expansion.filter(|expansion| budget.spend(expansion.objects.len())) {
            let commanded = |object: &&DataObject| common_data_class(&object.cdc).is_some_and(|class| !class.command.is_empty());
            for object in expansion.objects.iter().filter(commanded) {
                if budget.spend(CONTROL_STEPS) {
                    control(node, object, problems);
                }
            }
        }
    }
}

/// Common data classes, once for each type.
fn classes(model: &Model, problems: &mut Problems) {
    for (id, kind) in &model.scl.templates.objects {
        let Some(class) = common_data_class(&kind.cdc) else {
            let known = common_data_classes().iter().map(|class| class.name);
            let fix = problems.suggest(&kind.cdc, known, "its value is not known to the bridge: bind its attributes by hand");
            problems.warning(
                "scl::cdc-unknown",
                kind.span,
                format!("{id} is of the common data class {}, which is not known", kind.cdc),
                fix,
            );
            continue;
        };
        let has = |name: &&&str| {
            let first = name.split('.').next();
            kind.members.iter().any(|member| match member {
                Member::Attribute(attribute) => first == Some(&attribute.name),
                Member::Object(_) => false,
            })
        };
        if !class.value.is_empty() && class.command.is_empty() && class.value.iter().find(has).is_none() {
            let message = format!("{id} is of the class {} and has none of its values: {}", kind.cdc, class.value.join(", "));
            problems.warning("scl::cdc-without-value", kind.span, message, "add the attribute, or take the class that the attributes fit");
        }
    }
}

fn kind(model: &Model, node: &LogicalNode, problems: &mut Problems) {
    // A missing lnType was told when the node was read.
    if node.type_id.is_empty() {
        return;
    }
    match model.scl.templates.node(&node.type_id, &node.name.class) {
        None => {
            let known = model.scl.templates.nodes.keys().map(String::as_str);
            let fix = problems.suggest(&node.type_id, known, "add the <LNodeType>, or export the file again with all its types");
            let message = format!("{} is of the type {:?}, which is not there", node.name, node.type_id);
            problems.error("scl::type-unresolved", node.span, message, fix);
        }
        Some(kind) if kind.class != node.name.class => {
            let message = format!("{} is of the type {}, which is one of {}", node.name, kind.id, kind.class);
            problems.error("scl::type-class", node.span, message, format!("take a type of {}, or rename the node", node.name.class));
        }
        Some(_) => {}
    }
}

/// What instances say of data that the type does not have, and values that do not fit.
fn instances(model: &Model, node: NodeRef<'_>, problems: &mut Problems, budget: &mut Budget) {
    let Some(expansion) = node.expansion else { return };
    for (path, instance) in &node.node.instances {
        let bare = without_indices(path);
        if expansion.below(&bare, None).next().is_none() {
            let above = bare.rsplit_once('.').map(|(above, _)| above);
            // Told once, at the topmost part that is not there.
            if above.is_none_or(|above| expansion.below(above, None).next().is_some()) {
                let known = expansion
                    .objects
                    .iter()
                    .map(|object| object.path.as_str())
                    .chain(expansion.leaves.iter().map(|leaf| leaf.path.as_str()));
                let fix = problems.suggest(&bare, known, "remove it, or add it to the type");
                let message = format!("{} says something of {path}, which its type {} does not have", node.node.name, node.node.type_id);
                problems.warning("scl::instance-unknown", instance.span, message, fix);
            }
            continue;
        }
        if let Some(leaf) = expansion.leaf(&bare, None) {
            for value in &instance.values {
                values::value(model, leaf.basic, leaf.enum_id.as_deref(), value, path, problems, budget);
            }
        }
    }
}

fn control(node: NodeRef<'_>, object: &DataObject, problems: &mut Problems) {
    let Some(control) = Control::of(node, object) else { return };
    let name = || node.reference(&object.path, None).to_string();
    let span = place(node, object);
    let model = match (control.model, control.written) {
        (Some(model), _) => model,
        (None, Some(written)) => {
            let known = CtlModel::ALL.iter().map(|(_, word)| *word);
            let fix = problems.suggest(written, known, "write one of the five control models, or its number from 0 to 4");
            problems.error("scl::ctlmodel-unknown", span, format!("the control model of {} is {written:?}", name()), fix);
            return;
        }
        // An object that takes no command needs no model.
        (None, None) if control.value.is_none() => return,
        (None, None) => {
            problems.warning(
                "scl::ctlmodel-missing",
                span,
                format!("{} can be commanded, and the file does not say by which control model", name()),
                "add <DAI name=\"ctlModel\"><Val>…</Val></DAI>; until then the device must be asked",
            );
            return;
        }
    };
    if model != CtlModel::StatusOnly && control.value.is_none() {
        problems.warning(
            "scl::ctlmodel-without-oper",
            span,
            format!("the control model of {} is {}, but its type has no Oper", name(), model.as_str()),
            "add Oper to the type, or say status-only: no command can be sent",
        );
    } else if (model == CtlModel::SboNormal && !control.has_sbo) || (model == CtlModel::SboEnhanced && !control.has_sbow) {
        let missing = if model == CtlModel::SboNormal { "SBO" } else { "SBOw" };
        problems.warning(
            "scl::ctlmodel-without-select",
            span,
            format!("the control model of {} is {}, but its type has no {missing}", name(), model.as_str()),
            format!("add {missing} to the type, or say a direct control model"),
        );
    }
}

/// Where the object's control model is said, else where the object is.
fn place(node: NodeRef<'_>, object: &DataObject) -> Span {
    let instances = &node.node.instances;
    let found = instances.get(&format!("{}.ctlModel", object.path)).or_else(|| instances.get(&object.path));
    found.map_or(node.node.span, |instance| instance.span)
}
