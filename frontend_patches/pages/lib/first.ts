/** Runs before anything is painted: the theme, the size of text, and its language and direction. */
import { applyKeptAppearance } from './appearance';
import { language, direction } from './language';
import { applyTheme } from './theme';

document.documentElement.lang = language();
document.documentElement.dir = direction(language());
applyTheme();
applyKeptAppearance();
