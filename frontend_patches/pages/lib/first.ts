/** Runs before anything is painted: the theme, and the language and direction of the text. */
import { language, direction } from './language';
import { applyTheme } from './theme';

document.documentElement.lang = language();
document.documentElement.dir = direction(language());
applyTheme();
