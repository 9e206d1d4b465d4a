//! A command with places for values: one argument on each line, then values for the places.

use tagout_core::limits;
use tagout_core::parameter::Values;
use tagout_core::template::CommandTemplate;

pub fn fuzz(text: &str) {
    let (command, value) = text.rsplit_once('\n').unwrap_or((text, ""));
    let arguments: Vec<String> = command.lines().map(str::to_owned).collect();
    let Ok(template) = CommandTemplate::parse(&arguments) else { return };
    let values: Values =
        template.names().into_iter().map(|name| (name.to_owned(), value.to_owned())).collect();
    if let Ok(bound) = template.bind(&values) {
        // A value stays inside its argument, whatever it is.
        assert_eq!(bound.len(), arguments.len());
        assert!(bound.iter().all(|argument| argument.len() <= limits::ARGUMENT_BYTES));
    }
}
