import{K as s,w as a}from"./shared-BHRiT_ex.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
