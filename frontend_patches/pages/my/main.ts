import { mount } from 'svelte';
import '../theme.css';
import { followAppearance } from '../lib/appearance';
import { setRoot } from '../lib/root';
import { router } from '../lib/router.svelte';
import { followTheme } from '../lib/theme';
import { loadWords } from '../lib/words';
import MyUsage from './MyUsage.svelte';

setRoot(import.meta.url);
followTheme();
void followAppearance();
router.start('');
await loadWords();
const target = document.getElementById('page');
if (target) mount(MyUsage, { target });
