import temml from 'temml';
import 'temml/dist/Temml-Local.css';

/** `<math-tex>\sqrt{x}</math-tex>`: shows the formula, and its source where that is no TeX. */
class MathTex extends HTMLElement {
  connectedCallback(): void {
    const source = this.textContent;
    try {
      const displayMode = this.hasAttribute('display');
      temml.render(source, this, {
        displayMode,
        throwOnError: true,
        trust: false,
        maxExpand: 100,
        maxSize: [20, 20],
      });
    } catch {
      this.textContent = source;
    }
  }
}

customElements.define('math-tex', MathTex);
