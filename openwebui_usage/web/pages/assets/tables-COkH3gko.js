import{L as s,w as a}from"./shared-CuqCiJGM.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
