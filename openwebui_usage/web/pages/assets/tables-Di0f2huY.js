import{L as s,w as a}from"./shared-D3OstR_c.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
