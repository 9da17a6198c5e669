import{L as s,w as a}from"./shared-CfBPfsxp.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
