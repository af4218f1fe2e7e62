//! A QR code in the terminal: two modules a character, upper and lower half, dark on light whatever the
//! terminal's colours are.

use anstyle::{AnsiColor, Color, Style};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The lines of a code for `text`, or `None` where it does not fit into `width` columns.
pub(crate) fn qr(text: &str, width: usize) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    if code.width() + 2 * QUIET_ZONE > width {
        return None;
    }
    // The renderer draws what it takes for dark. Light modules are drawn, so that the code is right on a dark
    // terminal without colours too; with them it is right on any.
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Some(drawn.lines().map(|line| format!("{WHITE_ON_BLACK}{line}{WHITE_ON_BLACK:#}")).collect())
}

/// Modules that must be light around a code.
const QUIET_ZONE: usize = 4;

const WHITE_ON_BLACK: Style =
    Style::new().fg_color(Some(Color::Ansi(AnsiColor::BrightWhite))).bg_color(Some(Color::Ansi(AnsiColor::Black)));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_as_wide_as_its_modules_and_half_as_high() {
        let lines = qr("magnet:?xt=urn:btih:0123456789012345678901234567890123456789", 200).unwrap();
        let plain: Vec<String> = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        let width = plain[0].chars().count();
        assert!(plain.iter().all(|line| line.chars().count() == width), "{plain:#?}");
        assert_eq!(plain.len(), width.div_ceil(2));
        // The quiet zone is light on every side, and a finder pattern begins right behind it.
        assert!(plain[0].chars().all(|c| c == '█') && plain[2].starts_with("████ ▄▄▄▄▄ "), "{plain:#?}");
    }

    #[test]
    fn what_does_not_fit_is_not_drawn_and_the_longest_link_is_no_panic() {
        assert_eq!(qr("magnet:?xt=urn:btih:0123456789012345678901234567890123456789", 20), None);
        assert_eq!(qr(&"x".repeat(5000), 10_000), None);
    }
}
