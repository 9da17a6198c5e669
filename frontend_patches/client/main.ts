import './theme.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { takeTokenFromAddress } from './token';

takeTokenFromAddress(); // before anything else: nobody shall read it over a shoulder, or in a screenshot
mount(App, { target: document.body });
