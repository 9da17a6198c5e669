const p=s=>Object.entries(s.groups).map(([o,e])=>({...e,name:o})),r=s=>`group ${s}`;export{p as g,r as k};
