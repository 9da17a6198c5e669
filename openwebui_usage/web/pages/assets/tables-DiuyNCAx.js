import{y as s,w as a}from"./shared-D-7ORvLJ.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
