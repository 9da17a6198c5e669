import{K as s,w as a}from"./shared-C0GEXL9B.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
