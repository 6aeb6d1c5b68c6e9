//! `fmt` changes how a profile is written, not what it says.

use bridge_author::format;

use crate::kit::{SHIPPED, meaning, plan, text};

#[test]
fn a_formatted_profile_says_the_same_and_stays_as_it_is() {
    for name in SHIPPED {
        let before = text(name);
        let once = format(&before).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(format(&once).unwrap(), once, "{name}: a second time changes nothing");
        assert_eq!(meaning(plan(&once)), meaning(plan(&before)), "{name}");
        let comments = |text: &str| text.lines().filter(|line| line.contains("# ")).count();
        assert_eq!(comments(&once), comments(&before), "{name}");
    }
}

/// White space of every kind between the tokens of a profile is taken out again.
#[test]
fn however_it_is_spaced_it_becomes_the_same() {
    for name in SHIPPED {
        let once = format(&text(name)).unwrap();
        let wide = once.replace(" = ", "\t=   ").replace("\n\n", "\n\n\n\n");
        assert_ne!(wide, once);
        assert_eq!(format(&wide).unwrap(), once, "{name}");
        let dense = once.replace("{ ", "{").replace(" }", "}").replace("\n\n[", "\n[");
        assert_eq!(format(&dense).unwrap(), once, "{name}");
    }
}
