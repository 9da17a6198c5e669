import{L as s,w as a}from"./shared-BiGQgmUE.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
