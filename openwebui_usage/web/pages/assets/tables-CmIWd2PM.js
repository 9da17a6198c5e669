import{K as s,w as a}from"./shared-BJ1Xm5GS.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
