DROP VIEW app.hotel_documents;
DROP VIEW app.menu_documents;
DROP TABLE app.tax_rates;
DROP TABLE app.menu_items;
