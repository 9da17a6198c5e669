import{K as s,w as a}from"./shared-CmLJEIUB.js";const o=t=>s(a("filters").table,{title:t});export{o as t};
